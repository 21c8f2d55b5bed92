"""RTCP as the plane acts on it: streams in both directions, feedback on what is sent, repairs, the estimate."""

from __future__ import annotations

from miso.worker.dataplane import OutgoingEstimate
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import KEY_FRAME, SSRC, TRANSPORT_WIDE_CC_ID, Rig, rtp

_rig = Rig()
_consumer = _rig.add_consumer(selector=SimpleLayerSelector(False))
_consumer.output.feedback.trace_nack = _consumer.output.feedback.trace_pli = True
_estimate = OutgoingEstimate(
    _consumer.transport,
    start_bitrate_bps=600_000,
    min_bitrate_bps=30_000,
    mid_id=0,
    abs_send_time_id=0,
    transport_wide_cc_id=TRANSPORT_WIDE_CC_ID,
)
_consumer.transport.takes_remb = True
_SENT = _consumer.output.ssrc
SEEDS = [
    SenderReport(SSRC, 2 << 32, 3, 4, 5, (ReportBlock(_SENT),)).to_bytes(),
    ReceiverReport(1, (ReportBlock(_SENT, 7, 9, 1, 1, 77, 5), ReportBlock(3))).to_bytes(),
    Nack(1, _SENT, (1, 2, 5, 30, 65535)).to_bytes() + Pli(1, _SENT).to_bytes(),
    Fir(1, 2, ((_SENT, 1),)).to_bytes() + Remb(1, 500_000, (2, 3)).to_bytes(),
    ExtendedReport(1, 7 << 32, (DelaySinceLastRr(SSRC, 2, 3),)).to_bytes(),
    bytes.fromhex("8fcd0006 00000001 00000002 00010009 00000109 2003d280 01020300 0405ff00"),
]
_number = 0


def run(data: bytes) -> None:
    """Never raises; the estimate stays in its limits, and what is sent after it is forwarded."""
    global _number
    _number += 1
    now_us = _number * 20_000
    with nothing_unraisable():
        before = _consumer.output.packets
        _rig.transport.receive(rtp(_number & 0xFFFF, KEY_FRAME), now_us)
        assert _consumer.output.packets == before + 1
        for transport in (_rig.transport, _consumer.transport):
            transport.receive_rtcp(data, now_us + 10_000)
    assert 0 <= _consumer.output.feedback.score.value <= 10
    assert _estimate.bitrate_bps >= 30_000
    for _ in _consumer.peer.datagrams():
        pass
