"""What senders and receivers claim of their clocks, and what the plane then reports to both."""

from __future__ import annotations

from miso.worker.dataplane import Rounds, TransportReports
from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.reports import SenderReport
from miso.worker.rtcp.sender_clock import SenderClock
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import KEY_FRAME, Rig, rtp

_rig = Rig()
_consumer = _rig.add_consumer(selector=SimpleLayerSelector(False))
_clock = SenderClock()
_rig.stream.set_sender_clock(_clock)
_rig.stream.tells_worst_loss = True
_reports = TransportReports(_consumer.transport, is_direct=False)
_reports.add_sent(_consumer.output, b"cname", 90_000, 1_000_000)
_reports.add_received(_rig.input, 1_000_000)
_rounds = Rounds(_rig.plane, 64)
_STEP = 12  # bytes: a report's NTP time and RTP timestamp
SEEDS = [bytes(range(12)), bytes(12) + b"\xff" * 12, b"\x80" + bytes(11) + b"\x7f" + b"\xff" * 11]
_number = 0


def run(data: bytes) -> None:
    """Never raises; each turn of a transport whose stream flows reports on it, in a packet that can be read."""
    global _number
    for at in range(0, min(len(data), 10 * _STEP), _STEP):
        step = data[at : at + _STEP].ljust(_STEP, b"\0")
        ntp, timestamp = int.from_bytes(step[:8], "big"), int.from_bytes(step[8:], "big")
        _number += 1
        now_us = _number * 1_000_000
        with nothing_unraisable():
            _rig.transport.receive(rtp(_number & 0xFFFF, KEY_FRAME), now_us)
            _clock.take(ntp, _number << 32)
            _rig.stream.last_report.take(ntp, now_us)
            _rig.stream.sender_report(ntp, timestamp, now_us)
            _reports.reference_time.take(ntp, now_us)
            _rounds.set(_reports, now_us)
            _rounds.run(now_us, _number << 32)
        told = [
            packet
            for datagram in _consumer.peer.datagrams()
            if datagram[1] >= 200
            for packet in parse_compound(datagram)
        ]
        [report] = [packet for packet in told if isinstance(packet, SenderReport)]
        assert report.ssrc == _consumer.output.ssrc
