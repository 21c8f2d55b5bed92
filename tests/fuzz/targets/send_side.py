"""Feedback for the outgoing estimate: whatever it says, the estimate stays in its limits and the cost in bounds."""

from miso.worker.bwe.send_side import SendSideEstimator
from miso.worker.errors import ParseError
from miso.worker.rtcp.transport_wide import parse_transport_wide

MIN_BPS, MAX_BPS = 30_000, 4_000_000

SEEDS = [
    bytes.fromhex("00000001 00000002 ffec0064 00000a00 2064") + bytes(range(100)),
    bytes.fromhex("00000001 00000002 00010009 00000109 2003d280 01020300 0405ff00"),
    bytes.fromhex("00000001 00000002 fffe0003 ffffff01 d2800500 0100ff00"),
    bytes.fromhex("00000001 00000002 0000ffff 7fffff00 1fff1fff1fff1fff1fff1fff1fff1fff1fff"),
]


def run(data: bytes) -> None:
    """Three feedback packets about 300 packets that were sent, twice."""
    estimator = SendSideEstimator(600_000, MIN_BPS)
    estimator.set_limits(MIN_BPS, MAX_BPS, True, 0)
    now_us = 0
    for index in range(300):
        now_us += 3_000
        estimator.on_sent((0xFF00 + index) & 0xFFFF, 1200, now_us)
    cut = len(data) // 3
    for body in 2 * (data, data[cut:], data[: 2 * cut]):
        now_us += 100_000
        problem = estimator.on_feedback(body, len(body), now_us)
        try:
            parse_transport_wide(body)
        except ParseError:
            assert problem != 0
        else:
            assert problem == 0
        assert MIN_BPS <= estimator.bitrate() <= MAX_BPS
        assert estimator.probation_due(now_us) <= 1200
