"""Datagrams of SCTP into a plain transport with a connected association: it lives on, or ends in order."""

from __future__ import annotations

import logging
import socket
import struct

import msgspec

from miso.worker.channel.bodies.router import CreatePlainTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ProduceDataRequest
from miso.worker.rtc.data.sctp_association import is_sctp
from miso.worker.rtc.transport.plain_transport import PlainTransport
from miso.worker.sctp.wire.checksum import packet_checksum
from tests.worker.rtc.rig import Rig

_RUNS_PER_TRANSPORT = 200
_logger = logging.getLogger("miso.worker.rtc.data.sctp_association")


def _packet(*chunks: bytes, tag: int = 0) -> bytes:
    packet = struct.pack("!HHLL", 5000, 5000, tag, 0) + b"".join(chunks)
    return _sealed(packet)


def _sealed(packet: bytes, tag: int | None = None) -> bytes:
    """With the right checksum and, when given, the verification tag."""
    if tag is not None:
        packet = packet[:4] + struct.pack("!L", tag) + packet[8:]
    return packet[:8] + struct.pack("<L", packet_checksum(packet)) + packet[12:]


def _chunk(kind: int, flags: int, value: bytes) -> bytes:
    return struct.pack("!BBH", kind, flags, 4 + len(value)) + value + bytes(-len(value) % 4)


_INIT = struct.pack("!LLHHL", 1, 100_000, 16, 16, 1)
SEEDS = [
    _packet(_chunk(1, 0, _INIT)),
    _packet(_chunk(1, 0, _INIT + struct.pack("!HH", 0xC000, 4) + struct.pack("!HHBBBx", 0x8008, 7, 130, 192, 64))),
    _packet(_chunk(2, 0, _INIT + struct.pack("!HHL", 7, 8, 5)), tag=2),
    _packet(_chunk(10, 0, bytes(24)), tag=2),
    _packet(_chunk(11, 0, b""), tag=2),
    _packet(_chunk(0, 3, struct.pack("!LHHL", 1, 1, 0, 51) + b"hello"), tag=2),
    _packet(_chunk(3, 0, struct.pack("!LLHHHH", 1, 1000, 1, 0, 2, 3)), tag=2),
    _packet(_chunk(130, 0, struct.pack("!HHLLLH", 13, 18, 1, 1, 1, 1)), tag=2),
    _packet(_chunk(192, 0, struct.pack("!LHH", 3, 1, 1)), tag=2),
    _packet(_chunk(4, 0, struct.pack("!HHL", 1, 8, 7)), _chunk(6, 0, b""), tag=2),
]


def _parameter(data: bytes, wanted: int) -> bytes:
    while data:
        kind, length = struct.unpack_from("!HH", data)
        if kind == wanted:
            return data[4:length]
        data = data[length + -length % 4 :]
    raise AssertionError("no such parameter")


class _Target:
    """A connected transport, made anew now and then."""

    def __init__(self) -> None:
        self.rig = Rig()
        body = {
            "transportId": "plain",
            "listenIp": {"ip": "127.0.0.1"},
            "enableSctp": True,
            "numSctpStreams": {"OS": 16, "MIS": 16},
            "maxSctpMessageSize": 10_000,
        }
        request = msgspec.convert(body, CreatePlainTransportRequest)
        self.transport = PlainTransport(self.rig.context, self.rig.tables, "plain", request)
        self._peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._peer.bind(("127.0.0.1", 0))
        ip, port = self._peer.getsockname()
        self.transport.connect(ConnectRequest(ip=ip, port=port))
        self.tag = int.from_bytes(self._peer.recv(2048)[16:20], "big")  # of the INIT
        self.transport.on_sctp(SEEDS[0], 0)
        init_ack = self._peer.recv(2048)
        self.tag = int.from_bytes(init_ack[16:20], "big")
        cookie = _parameter(init_ack[32:], 7)
        self.transport.on_sctp(_packet(_chunk(10, 0, cookie), tag=self.tag), 0)
        assert self.transport.dump().sctp_state == "connected"
        stream = {"dataProducerId": "dp", "type": "sctp", "sctpStreamParameters": {"streamId": 1}}
        self.transport.produce_data(msgspec.convert(stream, ProduceDataRequest))

    def close(self) -> None:
        self.rig.close()
        self._peer.close()


_target = _Target()
_runs = 0


def run(data: bytes) -> None:
    """Never raises; what passes for SCTP is tried with the right checksum and tag, too."""
    _logger.disabled = True  # it complains of bad packets, rightly
    try:
        _run(data)
    finally:
        _logger.disabled = False


def _run(data: bytes) -> None:
    global _target, _runs
    _runs += 1
    if _runs % _RUNS_PER_TRANSPORT == 0:
        _target.close()
        _target = _Target()
    now_us = _target.rig.clock.now_us()
    _target.transport.on_sctp(data, now_us)
    if is_sctp(data):
        _target.transport.on_sctp(_sealed(data), now_us)
        _target.transport.on_sctp(_sealed(data, _target.tag), now_us)
    _target.rig.clock.advance(10)
    assert _target.transport.dump().sctp_state in ("connecting", "connected", "failed", "closed")
