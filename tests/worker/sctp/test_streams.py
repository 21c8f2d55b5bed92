"""Streams that begin anew and streams that are added (RFC 6525)."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from miso.worker.sctp.events import MessageReceived, OutboundStreamsChanged, StreamResetRefused, StreamsReset
from tests.worker.sctp.world import End, World

Load = Callable[[str], ModuleType]


@pytest.fixture
def module(load: Load) -> ModuleType:
    return load("miso.worker.sctp.association")


def resets(end: End) -> list[tuple[tuple[int, ...], bool]]:
    return [(event.stream_ids, event.incoming) for event in end.of(StreamsReset)]


@pytest.mark.parametrize("link", [{}, {"loss": 0.2, "reorder": 0.3, "repeat": 0.1}], ids=["good", "bad"])
@pytest.mark.parametrize("interleaving", [False, True], ids=["DATA", "I-DATA"])
def test_a_stream_is_reset_and_used_again_and_again(
    module: ModuleType, link: dict[str, Any], interleaving: bool
) -> None:
    world = World(module=module, seed=4, a={"interleaving": interleaving}, **link)
    world.connect()
    for round_ in range(5):
        for number in range(10):
            world.send(f"{round_}.{number}".encode() * 100, stream_id=3)
        world.a.association.reset_stream(3, world.now_us)
    world.run(120)
    expected = [f"{round_}.{number}".encode() * 100 for round_ in range(5) for number in range(10)]
    assert [data for _, _, data in world.b.messages()] == expected
    assert resets(world.a) == [((3,), False)] * len(resets(world.a))
    assert resets(world.b) == [((3,), True)] * len(resets(world.a))
    assert 1 <= len(resets(world.a)) <= 5


def test_what_is_sent_after_a_reset_waits_for_it_and_other_streams_do_not(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.send(b"before", stream_id=3)
    world.a.association.reset_stream(3, world.now_us)
    world.send(b"after", stream_id=3)
    world.send(b"other", stream_id=4)
    world.run(5)
    order = [event for event in world.b.events if isinstance(event, MessageReceived | StreamsReset)]
    kinds = [event.data if isinstance(event, MessageReceived) else event.stream_ids for event in order]
    assert kinds == [b"before", b"other", (3,), b"after"]


def test_data_channels_are_reset_both_ways_once(module: ModuleType) -> None:
    both = {"is_data_channel": True}
    world = World(module=module, a=both, b=both)
    world.connect()
    for _ in range(3):
        world.a.events.clear()
        world.b.events.clear()
        world.send(b"x", stream_id=7)
        world.run(1)
        world.a.association.reset_stream(7, world.now_us)
        world.run(10)
        assert resets(world.a) == [((7,), False), ((7,), True)]
        assert resets(world.b) == [((7,), True), ((7,), False)]


def test_an_answer_and_a_request_in_one_packet_are_both_heard(module: ModuleType) -> None:
    both = {"is_data_channel": True}
    world = World(module=module, a=both, b=both, delay_us=10_000)
    world.connect()
    world.a.association.reset_stream(7, world.now_us)
    world.run(0.05)
    assert resets(world.a) == [((7,), False), ((7,), True)]
    assert resets(world.b) == [((7,), True), ((7,), False)]


@pytest.mark.parametrize("delay_us", [1000, 80_000])
def test_a_data_channel_that_is_used_again_at_once_is_reset_both_ways_once(module: ModuleType, delay_us: int) -> None:
    both = {"is_data_channel": True}
    world = World(module=module, a=both, b=both, delay_us=delay_us)
    world.connect()
    world.send(bytes(100_000), stream_id=3)
    world.a.association.reset_stream(3, world.now_us)
    world.send(b"after", stream_id=3)
    world.run(0.3)
    world.send(b"later", stream_id=3)
    world.run(10)
    assert [data for _, _, data in world.b.messages()] == [bytes(100_000), b"after", b"later"]
    assert sorted(resets(world.a)) == sorted(resets(world.b)) == [((3,), False), ((3,), True)]
    assert world.a.association.buffered_amount == 0


def test_many_streams_are_reset_in_few_requests(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    for stream_id in range(1000):
        world.send(b"x", stream_id=stream_id)
    for stream_id in range(1000):
        world.a.association.reset_stream(stream_id, world.now_us)
    world.run(30)
    reset = [stream_id for ids, incoming in resets(world.b) for stream_id in ids if incoming]
    assert sorted(reset) == list(range(1000))
    assert len(resets(world.b)) < 30


def test_the_peer_is_asked_to_reset_what_it_sends(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.send(b"x", stream_id=5)
    world.run(1)
    world.b.association.reset_stream(5, world.now_us, incoming=True)
    world.run(10)
    assert resets(world.a) == [((5,), False)]
    assert resets(world.b) == [((5,), True)]
    world.send(b"y", stream_id=5)
    world.run(1)
    assert [data for _, _, data in world.b.messages()] == [b"x", b"y"]


def test_a_reset_of_a_stream_that_is_none_does_nothing(module: ModuleType) -> None:
    world = World(module=module)
    world.a.association.reset_stream(1, world.now_us)
    world.connect()
    world.a.association.reset_stream(1024, world.now_us)
    world.run(10)
    assert resets(world.b) == []


def test_a_reset_that_is_never_answered_is_given_up_and_the_stream_goes_on(module: ModuleType) -> None:
    world = World(module=module)
    world.connect()
    world.link_from(world.a).drop = lambda packet: packet[12] == 130
    world.a.association.reset_stream(1, world.now_us)
    world.send(b"held", stream_id=1)
    world.run(60)
    assert [event.stream_ids for event in world.a.of(StreamResetRefused)] == [(1,)]
    assert [data for _, _, data in world.b.messages()] == [b"held"]


def test_streams_are_added_in_steps_of_32(module: ModuleType) -> None:
    world = World(module=module, a={"outbound_streams": 16}, b={"inbound_streams": 100})
    world.a.association.need_stream(20, world.now_us)
    world.connect()
    world.run(5)
    assert world.a.association.outbound_streams == 48
    assert world.a.of(OutboundStreamsChanged) == [OutboundStreamsChanged(48)]
    world.send(b"x", stream_id=47)
    world.run(1)
    assert [stream_id for stream_id, _, _ in world.b.messages()] == [47]


def test_more_streams_than_the_peer_takes_are_refused(module: ModuleType) -> None:
    world = World(module=module, a={"outbound_streams": 16}, b={"inbound_streams": 20})
    world.connect()
    world.a.association.need_stream(20, world.now_us)
    world.run(10)
    assert world.a.association.outbound_streams == 16
