"""The compiled connection's RFC 4571 framing: any bytes, in pieces, and what is in the frames."""

from __future__ import annotations

import socket
import struct

from miso.worker.dataplane import ConnectionClosed, Plane, StunReceived, TcpConnection, TransportPlane
from tests.worker.dataplane.rig import KEY_FRAME, rtp

STUN = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + bytes(12)


def _frame(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


SEEDS = [
    _frame(STUN) + _frame(rtp(1, KEY_FRAME)) + _frame(b""),
    _frame(bytes([22]) * 1300) * 3,
    _frame(bytes(3000)) + _frame(STUN),
    b"\xff\xff" + bytes(50),
    b"\0",
    bytes(600) + _frame(STUN),
]
MOST_PIECES = 48
_plane = Plane()
_transport = TransportPlane(_plane, False)
_transport.connected = True
_pair = socket.socketpair()


def run(data: bytes) -> None:
    """Never raises; however the bytes are cut, the same STUN messages come out, or the connection is closed."""
    whole, pieces = _read(data, len(data) or 1), _read(data, max(11, -(-len(data) // MOST_PIECES)))
    assert whole == pieces


def _read(data: bytes, step: int) -> list[bytes | str]:
    global _pair
    peer, accepted = _pair
    accepted.setblocking(False)
    connection = TcpConnection(_plane, accepted.fileno(), ("127.0.0.1", 9))
    _transport.accept_from(connection, ("127.0.0.1", 9))
    seen: list[bytes | str] = []
    for at in range(0, len(data), step):
        peer.sendall(data[at : at + step])
        before = -1
        while _plane.counters["received"] != before and not connection.closed:  # a wake-up is bounded
            before = _plane.counters["received"]
            for event in connection.receive(at):
                if isinstance(event, StunReceived):
                    seen.append(event.data)
                elif isinstance(event, ConnectionClosed):
                    seen.append(event.reason)
        if connection.closed:
            break
    _transport.stop_accepting(connection, ("127.0.0.1", 9))
    if connection.closed:  # there may be something left in the pipe
        for end in _pair:
            end.close()
        _pair = socket.socketpair()
    connection.close()
    return seen
