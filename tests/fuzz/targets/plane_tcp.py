"""The compiled connection's RFC 4571 framing: any bytes, in pieces, and what is in the frames."""

from __future__ import annotations

import socket
import struct

from tests.worker.dataplane.rig import KEY_FRAME, rtp
from worker.dataplane.plane import ConnectionClosed, Plane, StunReceived, TcpConnection, TransportPlane

STUN = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + bytes(12)


def _frame(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


SEEDS = [
    _frame(STUN) + _frame(rtp(1, KEY_FRAME)) + _frame(b""),
    _frame(bytes([22]) * 1300) * 3,
    _frame(bytes(3000)) + _frame(STUN),
    b"\xff\xff" + bytes(50),
    b"\0",
]
_plane = Plane()


def run(data: bytes) -> None:
    """Never raises; however the bytes are cut, the same STUN messages come out, or the connection is closed."""
    whole, pieces = _read(data, len(data) or 1), _read(data, 11)
    assert whole == pieces


def _read(data: bytes, step: int) -> list[bytes | str]:
    peer, accepted = socket.socketpair()
    accepted.setblocking(False)
    connection = TcpConnection(_plane, accepted.fileno(), ("127.0.0.1", 9))
    transport = TransportPlane(_plane, False)
    transport.accept_from(connection, ("127.0.0.1", 9))
    transport.connected = True
    seen: list[bytes | str] = []
    for at in range(0, len(data), step):
        peer.sendall(data[at : at + step])
        for event in connection.receive(at):
            if isinstance(event, StunReceived):
                seen.append(event.data)
            elif isinstance(event, ConnectionClosed):
                seen.append(event.reason)
        if connection.closed:
            break
    transport.close()
    connection.close()
    peer.close()
    accepted.close()
    return seen
