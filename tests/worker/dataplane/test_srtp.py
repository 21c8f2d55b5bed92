"""What leaves the plane is the same by our own SRTP, protected in rounds, and by libsrtp, packet by packet."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from miso.worker.dataplane import SrtpSuite, TcpConnection, TransportPlane
from miso.worker.dataplane.random_numbers import COUNT, random_number
from miso.worker.srtp import choice, cipher
from tests.worker.dataplane.rig import KEY_FRAME, Consumer, Rig, make_output, now_us, rtp

FRAME = 11  # packets
FIRST_NUMBER = int.from_bytes(bytes(range(252, 256)), "little")  # of those that the test lets the kernel give


@pytest.fixture
def use_code() -> Iterator[Callable[[int], int]]:
    """Chooses what protects from then on: 0 for libsrtp."""
    yield cipher.use
    cipher.use(choice.allowed_parts())


def frames(first: int) -> Iterator[list[bytes]]:
    """Frames of packets of rising sizes, the numbers of which begin again."""
    for frame in range(4):
        yield [
            rtp((first + frame * FRAME + index) & 0xFFFF, KEY_FRAME + bytes(300 * frame + index), timestamp=frame)
            for index in range(FRAME)
        ]


def what_leaves(rig: Rig, consumers: list[Consumer]) -> list[list[bytes]]:
    """Everything that each consumer's peer got of the frames and repairs, at times that no clock has a part in."""
    got: list[list[bytes]] = [[] for _ in consumers]

    def read() -> None:
        for consumer, datagrams in zip(consumers, got, strict=True):
            datagrams += consumer.peer.datagrams()

    for number, packets in enumerate(frames(65_510)):
        for packet in packets:
            rig.sender.send(packet, rig.socket.getsockname())
        rig.udp.receive(1_000_000 + number)
        read()
    for consumer in consumers:
        consumer.ask_again([consumer.output.last_sequence - back & 0xFFFF for back in range(20)], 2_000_000)
    read()
    return got


@pytest.mark.parametrize("rtx_ssrc", [0x22222223, 0])
def test_a_room_of_all_suites_gets_the_same_bytes(
    make_rig: Callable[..., Rig], use_code: Callable[[int], int], monkeypatch: pytest.MonkeyPatch, rtx_ssrc: int
) -> None:
    """Ten consumers, two of each suite and two without: more packets than a round has."""
    every = [*SrtpSuite, None] * 2
    results = []
    for parts in (0, choice.allowed_parts()):
        if use_code(parts) == 0 and parts:
            pytest.skip("this CPU has no AES instructions, or libsrtp is chosen")
        drawn: list[int] = []

        def urandom(size: int, drawn: list[int] = drawn) -> bytes:
            """For keys; and for what streams begin with, which are asked for many at a time, always the same."""
            if size == 4 * COUNT:
                drawn.clear()
                return bytes(range(256))
            drawn.append(size)
            return bytes([len(drawn) & 127] * size)

        monkeypatch.setattr("os.urandom", urandom)
        while random_number() != FIRST_NUMBER:  # the last ones that were asked for before
            pass
        rig = make_rig(None)
        consumers = [rig.add_consumer(suite=suite, rtx_ssrc=rtx_ssrc, ssrc=5 + at) for at, suite in enumerate(every)]
        results.append(what_leaves(rig, consumers))
        assert rig.plane.counters["srtp_failed"] == 0
    assert results[0] == results[1]
    assert {len(datagrams) for datagrams in results[0]} == {4 * FRAME + 20}


@pytest.mark.parametrize("suite", SrtpSuite)
def test_a_receiver_follows_rollovers_and_new_keys(make_rig: Callable[..., Rig], suite: SrtpSuite) -> None:
    rig = make_rig(None)
    consumers = [rig.add_consumer(suite=suite) for _ in range(3)]
    for number in range(65_530, 65_560):
        rig.send(rtp(number & 0xFFFF, KEY_FRAME))
    for consumer in consumers:
        assert len(consumer.packets()) == 30
        consumer.peer.renew_keys()
        consumer.transport.set_srtp(suite, consumer.peer.key, consumer.peer.plane_key)
    rig.send(rtp(65_561 & 0xFFFF, KEY_FRAME))
    assert [len(consumer.packets()) for consumer in consumers] == [1, 1, 1]


def test_connections_and_sockets_share_a_round(make_rig: Callable[..., Rig]) -> None:
    """A TCP receiver between UDP ones: each gets its packets, in order and framed."""
    suite = SrtpSuite.AEAD_AES_128_GCM
    rig = make_rig(None)
    first = rig.add_consumer(suite=suite)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = TcpConnection(rig.plane, ours.fileno(), ("127.0.0.1", 9))
    transport = TransportPlane(rig.plane, True)
    transport.set_destination(connection, ("127.0.0.1", 9))
    transport.set_srtp(suite, first.peer.key, first.peer.plane_key)
    transport.connected = True
    output = make_output(transport)
    output.active = True
    rig.input.add_consumer(output)
    last = rig.add_consumer(suite=suite)
    rig.send(*[rtp(number, KEY_FRAME + bytes(100)) for number in range(5)])
    stream = theirs.recv(10_000)
    framed = []
    while stream:
        size = int.from_bytes(stream[:2], "big")
        framed.append(stream[2 : 2 + size])
        stream = stream[2 + size :]
    assert framed == list(first.peer.datagrams())
    assert len(framed) == len(last.packets()) == 5
    transport.close()
    connection.close()
    ours.close()
    theirs.close()


def test_what_is_too_old_is_a_counted_drop(make_rig: Callable[..., Rig], use_code: Callable[[int], int]) -> None:
    """1,100 packets later a repair without RTX would go out under a number that SRTP takes for the next round's."""
    for parts in (0, choice.allowed_parts()):
        use_code(parts)
        rig = make_rig(None)
        consumer = rig.add_consumer(suite=SrtpSuite.AES_CM_128_HMAC_SHA1_32, rtx_ssrc=0)
        now = now_us()
        rig.transport.receive(rtp(1, KEY_FRAME), now)
        rig.transport.receive(rtp(1, KEY_FRAME), now)
        for number in range(2, 1102):
            rig.transport.receive(rtp(number), now)
        asked = consumer.output.last_sequence
        consumer.ask_again([asked - 1100 & 0xFFFF], now + 1000)
        assert rig.plane.counters["srtp_failed"] == 1
        assert rig.plane.counters["sent"] == 1101
