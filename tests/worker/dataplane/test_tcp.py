"""ICE-TCP: RFC 4571 frames over a stream socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from miso.worker.dataplane import (
    ConnectionClosed,
    DtlsReceived,
    SrtpSuite,
    StunReceived,
    TcpConnection,
    TransportPlane,
)
from tests.patience import PATIENCE_S
from tests.worker.dataplane.rig import KEY_FRAME, TRANSPORT_WIDE_CC_ID, Rig, ask_again, make_output, now_us, rtp, srtp
from tests.worker.rtp.packets import parse_rtp

STUN = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + bytes(12)
DTLS = bytes([22, 254, 253]) + bytes(20)


def frame(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


class Link:
    """A connection of a rig's plane and the peer's end of it, with a transport."""

    def __init__(self, rig: Rig) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.peer = socket.create_connection(listener.getsockname())
        self.accepted, address = listener.accept()
        listener.close()
        self.accepted.setblocking(False)
        self.peer.settimeout(PATIENCE_S)
        self.connection = TcpConnection(rig.plane, self.accepted.fileno(), address)
        self.transport = TransportPlane(rig.plane, False)
        self.transport.accept_from(self.connection, address)
        self.transport.set_destination(self.connection, address)
        self.transport.connected = True

    def read_frame(self) -> bytes:
        (size,) = struct.unpack("!H", self.read(2))
        return self.read(size)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.peer.recv(size - len(data))
            assert chunk
            data += chunk
        return data

    def close(self) -> None:
        self.transport.close()
        self.connection.close()
        self.accepted.close()
        self.peer.close()


@pytest.fixture
def link(rig: Rig) -> Iterator[Link]:
    result = Link(rig)
    yield result
    result.close()


def test_frames_may_come_in_any_pieces(rig: Rig, link: Link) -> None:
    consumer = rig.add_consumer()
    target = rig.make_input(link.transport)
    rig.add_video(target, 88)
    target.add_consumer(output := make_output(consumer.transport))
    output.active = True
    stream = frame(STUN) + frame(DTLS) + frame(rtp(1, KEY_FRAME, ssrc=88)) + frame(rtp(2, ssrc=88))
    link.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    events = []
    for at in range(0, len(stream), 7):
        link.peer.sendall(stream[at : at + 7])
        events += link.connection.receive(now_us())
    assert [type(event) for event in events[:2]] == [StunReceived, DtlsReceived]
    assert events[0].address == link.connection.remote_address  # type: ignore[union-attr]
    assert [packet.sequence_number for packet in consumer.packets()] == [1, 2]


def test_forwards_srtp_in_frames(rig: Rig, link: Link) -> None:
    suite = SrtpSuite.AEAD_AES_128_GCM
    link.transport.encrypted = True
    link.transport.set_srtp(suite, bytes(28), bytes(range(28)))
    output = make_output(link.transport)
    output.active = True
    rig.input.add_consumer(output)
    rig.send(rtp(1, KEY_FRAME), rtp(2), rtp(3))
    session = srtp(suite, bytes(range(28)), inbound=True)
    assert [parse_rtp(session.unprotect(link.read_frame())).sequence_number for _ in range(3)] == [1, 2, 3]
    assert link.connection.send(STUN)
    assert link.transport.send(DTLS)
    assert [link.read_frame(), link.read_frame()] == [STUN, DTLS]


def test_a_slow_peer_loses_whole_frames_and_nothing_else(rig: Rig, link: Link) -> None:
    blocked: list[TcpConnection] = []
    link.connection.on_blocked = blocked.append
    sent = []
    for number in range(12000):
        packet = struct.pack("!L", number) + bytes(996)
        if link.connection.send(packet):
            sent.append(packet)
    assert blocked == [link.connection]
    assert len(sent) < 12000
    assert rig.plane.counters["tcp_full"] == 12000 - len(sent)
    received: list[bytes] = []
    flushed = False
    while len(received) < len(sent):
        flushed = flushed or link.connection.flush()
        received.append(link.read_frame())
    assert received == sent
    assert flushed
    assert link.connection.send(b"\x16again")
    assert link.read_frame() == b"\x16again"
    assert len(blocked) == 1


def test_media_that_does_not_fit_is_dropped_while_the_rest_waits(rig: Rig, link: Link) -> None:
    blocked: list[TcpConnection] = []
    link.connection.on_blocked = blocked.append
    output = make_output(link.transport, keep_for_retransmission=False)
    output.active = True
    rig.input.add_consumer(output)
    rig.send(rtp(1, KEY_FRAME))
    number = 2
    while rig.plane.counters["tcp_full"] == 0:
        rig.send(*(rtp(number + index, bytes([0x10, 1]) + bytes(1200)) for index in range(30)))
        number += 30
    assert len(blocked) == 1


@pytest.mark.parametrize("suite", [None, SrtpSuite.AEAD_AES_128_GCM])
def test_what_a_slow_reader_does_not_get_does_not_count_as_sent(rig: Rig, link: Link, suite: SrtpSuite | None) -> None:
    if suite is not None:
        link.transport.encrypted = True
        link.transport.set_srtp(suite, bytes(28), bytes(range(28)))
    link.connection.on_blocked = lambda connection: None
    output = make_output(link.transport)
    output.active = True
    rig.input.add_consumer(output)
    rig.send(rtp(1, KEY_FRAME, extensions={7: b"\0\0"}))
    number = 2
    while rig.plane.counters["tcp_full"] < 100:
        payload = bytes([0x10, 1]) + bytes(1200)
        rig.send(*(rtp(number + index, payload, extensions={7: b"\0\0"}) for index in range(30)))
        number += 30
    sent_us = now_us()
    frames: list[bytes] = []
    while len(frames) < output.packets:
        link.connection.flush()
        frames.append(link.read_frame())
    link.peer.settimeout(0)
    with pytest.raises(BlockingIOError):
        link.peer.recv(1)
    link.peer.settimeout(PATIENCE_S)
    assert link.transport.sent.bytes == sum(len(one) for one in frames)
    session = srtp(suite, bytes(range(28)), inbound=True) if suite is not None else None
    packets = [parse_rtp(session.unprotect(one) if session is not None else one) for one in frames]
    assert output.bytes == link.transport.rtp_sent.bytes
    if suite is None:
        assert output.bytes == link.transport.sent.bytes
    assert output.packets == number - 1 - rig.plane.counters["tcp_full"]
    # no number for congestion control was used up, and what is missing can be had
    wide = [int.from_bytes(packet.extensions[TRANSPORT_WIDE_CC_ID], "big") for packet in packets]
    assert wide == list(range(1, len(packets) + 1))
    missing = sorted(set(range(1, number)) - {packet.sequence_number for packet in packets})
    assert len(missing) == number - 1 - len(packets)
    assert ask_again(link.transport, output, missing[:10], sent_us + 1000) == 10  # reading takes long
    assert len([link.read_frame() for _ in range(10)]) == output.packets_retransmitted


def test_repairs_that_a_slow_reader_does_not_get_do_not_count_as_sent(rig: Rig, link: Link) -> None:
    link.connection.on_blocked = lambda connection: None
    output = make_output(link.transport)
    output.active = True
    rig.input.add_consumer(output)
    rig.send(rtp(1, KEY_FRAME), *(rtp(number, bytes([0x10, 1]) + bytes(1200)) for number in range(2, 60)))
    while link.connection.send(bytes(1000)):
        pass
    sent, full = link.transport.sent.bytes, rig.plane.counters["tcp_full"]
    assert ask_again(link.transport, output, list(range(1, 60)), now_us() + 1_000_000) == 0
    assert (output.packets_retransmitted, output.rtx_packets, link.transport.rtx_sent.bytes) == (0, 0, 0)
    assert (link.transport.sent.bytes, rig.plane.counters["tcp_full"] > full) == (sent, True)


def test_what_fills_a_left_out_number_waits_for_a_slow_reader_to_ask(rig: Rig, link: Link) -> None:
    link.connection.on_blocked = lambda connection: None
    output = make_output(link.transport)
    output.active = True
    rig.input.add_consumer(output)
    rig.send(rtp(1, KEY_FRAME), rtp(3))
    for size in (1000, 10):
        while link.connection.send(bytes(size)):
            pass
    before = (output.packets, output.bytes, link.transport.sent.bytes, link.transport.rtp_sent.bytes)
    full = rig.plane.counters["tcp_full"]
    rig.send(rtp(2, b"", padding=50))
    assert (output.packets, output.bytes, link.transport.sent.bytes, link.transport.rtp_sent.bytes) == before
    assert rig.plane.counters["tcp_full"] == full + 1
    assert ask_again(link.transport, output, [2], now_us() + 1_000_000) == 0
    assert (output.packets_retransmitted, output.rtx_packets) == (0, 0)
    last = b""
    link.peer.settimeout(0.2)
    while last != b"\0\2":
        link.connection.flush()
        try:
            link.read_frame()
        except TimeoutError:
            assert ask_again(link.transport, output, [2], now_us() + 1_000_000) == 1
            last = parse_rtp(link.read_frame()).payload
    assert (output.packets_retransmitted, output.rtx_packets) == (1, 1)


def test_a_callback_may_close_the_connection(rig: Rig, link: Link) -> None:
    link.connection.on_blocked = lambda connection: connection.close()
    while link.connection.send(bytes(1000)):
        pass
    assert link.connection.flush()
    assert link.connection.receive(now_us()) == []


def test_the_end_of_the_stream_is_told_once(rig: Rig, link: Link) -> None:
    link.peer.sendall(frame(STUN) + b"\0")
    link.peer.close()
    events = link.connection.receive(now_us()) + link.connection.receive(now_us())
    assert [type(event) for event in events] == [StunReceived, ConnectionClosed]
    assert not link.connection.send(STUN)


def test_broken_framing_closes(rig: Rig, link: Link) -> None:
    link.peer.sendall(frame(STUN) + b"GET / HTTP/1.1\r\n\r\n")
    events = link.connection.receive(now_us())
    assert [type(event) for event in events] == [StunReceived, ConnectionClosed]
    assert "frame of 18245 bytes" in events[1].reason  # type: ignore[union-attr]


def test_a_frame_too_long_for_a_datagram_is_skipped(rig: Rig, link: Link) -> None:
    link.peer.sendall(frame(bytes(3000)) + frame(STUN))
    assert [type(event) for event in link.connection.receive(now_us())] == [StunReceived]
    assert rig.plane.counters["truncated"] == 1


def test_a_reset_is_told_with_its_reason(rig: Rig, link: Link) -> None:
    link.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.peer.close()
    [event] = link.connection.receive(now_us())
    assert isinstance(event, ConnectionClosed)
    assert "reset" in event.reason


def test_one_wakeup_handles_a_bounded_number_of_frames_and_leaves_none(rig: Rig, link: Link) -> None:
    link.peer.sendall(b"".join(frame(DTLS + bytes([number & 255])) for number in range(600)) + frame(DTLS)[:5])
    seen: list[int] = []
    wakeups = 0
    while len(seen) < 600:
        events = link.connection.receive(now_us())
        assert 1 <= len(events) <= 128
        seen += [event.data[-1] for event in events]  # type: ignore[union-attr]
        wakeups += 1
    assert seen == [number & 255 for number in range(600)]
    assert wakeups >= 5
    link.peer.sendall(frame(DTLS)[5:])
    assert [type(event) for event in link.connection.receive(now_us())] == [DtlsReceived]


def test_one_wakeup_passes_over_a_bounded_number_of_empty_frames(rig: Rig, link: Link) -> None:
    link.peer.sendall(bytes(2) * 5000 + frame(DTLS))
    wakeups = 0
    events: list[object] = []
    while not events:
        before = rig.plane.counters["received"]
        events += link.connection.receive(now_us())
        wakeups += 1
        assert rig.plane.counters["received"] - before <= 128
    assert wakeups >= 5001 // 128
