"""Messages from one association to another, over links of every kind."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from types import ModuleType

import pytest

from miso.worker.errors import InvalidStateError, SendBufferFullError
from miso.worker.sctp.events import BufferedAmountChanged, SctpState, StateChanged
from tests import modes
from tests.worker.sctp.world import World

Load = Callable[[str], ModuleType]


@pytest.fixture
def module(load: Load) -> ModuleType:
    return load("miso.worker.sctp.association")


def send_numbered(world: World, count: int, size: int) -> None:
    """As many messages as fit, again and again, until all are sent and acknowledged."""
    rest = bytes(size - 4)
    buffered = world.a.association
    for number in range(count):
        while True:
            try:
                world.send(number.to_bytes(4, "big") + rest)
                break
            except SendBufferFullError:
                before = buffered.buffered_amount
                world.run(60, until=lambda before=before: buffered.buffered_amount <= before // 2)  # type: ignore[misc]
    world.run(600, until=lambda: buffered.buffered_amount == 0)


def numbers(world: World) -> list[int]:
    return [int.from_bytes(data[:4], "big") for _, _, data in world.b.messages()]


@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
def test_messages_of_all_sizes_arrive_as_they_were_sent(module: ModuleType, interleaving: bool) -> None:
    world = World(module=module, b={"interleaving": interleaving})
    world.connect()
    sent = [
        (size % 3, size, bytes([size % 251]) * size) for size in (1, 2, 3, 4, 1167, 1168, 1172, 1173, 5000, 100_000)
    ]
    for stream_id, ppid, data in sent:
        world.send(data, stream_id=stream_id, ppid=ppid)
    world.run(10)
    assert sorted(world.b.messages()) == sorted(sent)
    assert world.a.association.buffered_amount == 0


def is_asked_for_at_once(packet: bytes) -> bool:
    """Whether a packet's last DATA or I-DATA chunk has the I bit (RFC 7053)."""
    flags, offset = 0, 12
    while offset + 4 <= len(packet):
        if packet[offset] in (0, 64):
            flags = packet[offset + 1]
        offset += max(4, (int.from_bytes(packet[offset + 2 : offset + 4], "big") + 3) & ~3)
    return bool(flags & 8)


@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
def test_the_last_of_many_messages_that_leave_at_once_asks_for_a_sack_at_once(
    module: ModuleType, interleaving: bool
) -> None:
    """They waited for the window, which one SACK opens whole, since those before it are lost."""
    world = World(module=module, a={"interleaving": interleaving}, b={"interleaving": interleaving})
    world.connect()
    answers = itertools.count()
    world.link_from(world.b).drop = lambda _: next(answers) < 2
    for size in (1150, 1150, 1150, 1150, 1000, 1000, 1000):
        world.send(bytes(size))
    world.run(0.015)
    waiting = world.a.association.buffered_amount
    before = len(world.a.sent)
    world.run(0.015)
    assert waiting > 2000
    assert [is_asked_for_at_once(packet) for packet in world.a.sent[before:]] == [False, True]


@pytest.mark.parametrize("size", [30_000, 60_000])
def test_the_window_is_halved_when_nothing_was_sent_for_long(module: ModuleType, size: int) -> None:
    """RFC 9260 section 7.2.1: the path may be another one by now."""
    sent: dict[float, int] = {}
    for pause in (0.3, 10):
        world = World(module=module)
        world.connect()
        world.send(bytes(size))
        world.run(10, until=lambda end=world.a: end.association.buffered_amount == 0)  # type: ignore[misc]
        world.run(pause)
        before = len(world.a.sent)
        world.send(bytes(200_000))
        world.run(0.0995)  # five round trips
        sent[pause] = sum(map(len, world.a.sent[before:]))
    assert 0.5 * sent[0.3] < sent[10] < 0.85 * sent[0.3]


@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
def test_nothing_is_lost_repeated_or_reordered_on_a_bad_link(module: ModuleType, interleaving: bool) -> None:
    world = World(module=module, a={"interleaving": interleaving}, seed=5, loss=0.1, repeat=0.05, reorder=0.2)
    world.connect()
    send_numbered(world, 400, 1000)
    assert numbers(world) == list(range(400))


def test_a_message_of_the_maximum_size_survives_loss(module: ModuleType) -> None:
    world = World(module=module, seed=2, loss=0.05, reorder=0.1)
    world.connect()
    data = bytes(range(256)) * 1024
    world.send(data)
    world.run(120, until=lambda: world.a.association.buffered_amount == 0)
    assert world.b.messages() == [(1, 53, data)]


def test_unordered_messages_all_arrive(module: ModuleType) -> None:
    world = World(module=module, seed=3, loss=0.1, reorder=0.5)
    world.connect()
    sent = [bytes([number]) * (1 + 40 * number) for number in range(100)]
    for data in sent:
        world.send(data, ordered=False)
    world.run(60)
    assert sorted(data for _, _, data in world.b.messages()) == sorted(sent)


def test_the_buffered_amount_rises_and_falls(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.a.events.clear()
    world.send(bytes(3000))
    assert world.a.association.buffered_amount == 3000
    world.run(1)
    amounts = [event.buffered_amount for event in world.a.of(BufferedAmountChanged)]
    assert amounts[0] == 3000
    assert amounts[-1] == 0
    assert amounts == sorted(amounts, reverse=True)


def test_the_send_buffer_refuses_what_does_not_fit(module: ModuleType) -> None:
    world = World(module=module, a={"send_buffer_size": 10_000})
    world.connect()
    world.send(bytes(9_000))
    with pytest.raises(SendBufferFullError, match="9000 of 10000"):
        world.send(bytes(1_001))
    world.send(bytes(1_000))
    world.run(5)
    world.send(bytes(10_000))
    with pytest.raises(InvalidStateError, match="10001 bytes"):
        world.send(bytes(10_001))


def test_the_send_buffer_refuses_too_many_tiny_messages(module: ModuleType) -> None:
    world = World(module=module, a={"send_buffer_size": 1_000_000})
    world.connect()
    queued = 0
    with contextlib.suppress(SendBufferFullError):
        while queued < 40_000:
            world.send(b"x")
            queued += 1
    assert 15_625 <= queued < 17_000


def test_sending_needs_a_connection_a_stream_and_data(module: ModuleType) -> None:
    world = World(module=module)
    with pytest.raises(InvalidStateError, match="is new"):
        world.send(b"x")
    world.connect()
    with pytest.raises(InvalidStateError, match="stream is 1024"):
        world.send(b"x", stream_id=1024)
    with pytest.raises(InvalidStateError, match="identifier is -1"):
        world.send(b"x", ppid=-1)
    with pytest.raises(InvalidStateError, match="0 bytes"):
        world.send(b"")
    world.a.association.close(world.now_us)
    with pytest.raises(InvalidStateError, match="is closed"):
        world.send(b"x")


def test_both_sides_tell_their_states(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.a.association.close(world.now_us)
    world.run(1)
    states = [StateChanged(SctpState.CONNECTING), StateChanged(SctpState.CONNECTED), StateChanged(SctpState.CLOSED)]
    assert world.a.of(StateChanged) == states
    assert world.b.of(StateChanged) == states
    assert world.a.association.next_timer_us is None
    assert world.b.association.next_timer_us is None


def test_a_hundred_thousand_messages_of_a_kilobyte_over_a_bad_link() -> None:
    world = World(
        module=modes.load("miso.worker.sctp.association", "compiled"), seed=8, a={"send_buffer_size": 1 << 20}
    )
    world.connect()
    for end in (world.a, world.b):
        link = world.link_from(end)
        link.loss, link.repeat, link.reorder, link.delay_us = 0.002, 0.002, 0.01, 1_000
    send_numbered(world, 100_000, 1000)
    assert numbers(world) == list(range(100_000))


def test_streams_take_turns(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.send(bytes(100_000), stream_id=1)
    for _ in range(5):
        world.send(b"small", stream_id=2)
    world.send(bytes(100_000), stream_id=1)
    world.run(30)
    order = [stream_id for stream_id, _, _ in world.b.messages()]
    assert order.index(2) < order.index(1)  # I-DATA: a small message need not wait for a large one
    assert order[-1] == 1


def test_tsns_and_sequence_numbers_wrap(module: ModuleType) -> None:
    world = World(module=module, a={"interleaving": False, "random": lambda size: b"\xff" * size}, seed=5)
    world.connect()
    world.link_from(world.a).loss = 0.02
    for _ in range(70):
        for number in range(1000):
            world.send(number.to_bytes(2, "big"), stream_id=1)
        world.run(60, until=lambda: world.a.association.buffered_amount == 0)
        world.a.sent.clear()
        world.b.sent.clear()
        if module.__file__ is not None and module.__file__.endswith(".py"):
            break  # the interpreted one wraps its TSNs only
    got = [int.from_bytes(data, "big") for _, _, data in world.b.messages()]
    assert got == list(range(1000)) * (len(got) // 1000)
