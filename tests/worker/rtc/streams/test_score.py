"""Samples and their weighted mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.worker.rtc.streams.score import LossCounters, inbound_sample
from miso.worker.rtcp.reports import SenderReport
from tests.worker.rtc.parameters import VIDEO_SSRC
from tests.worker.rtc.rig import Rig
from tests.worker.rtp.packets import KEY_FRAME, rtp

NOTHING = LossCounters()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (LossCounters(expected=100, received=100), 10),
        (LossCounters(expected=100, received=90), 6),  # (80 / 90) ** 4
        (LossCounters(expected=100, received=90, repaired=10, retransmitted=10), 9),
        (LossCounters(expected=100, received=90, repaired=10, retransmitted=20), 7),
        (LossCounters(expected=100, received=50), 0),
        (LossCounters(expected=100), 0),
        (NOTHING, 10),
    ],
)
def test_inbound_sample(now: LossCounters, expected: int) -> None:
    assert inbound_sample(NOTHING, now, has_rtx=True) == expected


def counters(least_packets: int) -> st.SearchStrategy[LossCounters]:
    count = st.integers(0, 1 << 33)
    packets = st.integers(least_packets, 1 << 33)
    return st.builds(LossCounters, packets, received=count, repaired=count, retransmitted=count)


@given(counters(0), counters(-1000), st.booleans())
def test_whatever_is_counted_the_sample_is_a_score(before: LossCounters, more: LossCounters, has_rtx: bool) -> None:
    now = LossCounters(
        expected=before.expected + more.expected,
        received=before.received + more.received,
        repaired=before.repaired + more.repaired,
        retransmitted=before.retransmitted + more.retransmitted,
    )
    assert 0 <= inbound_sample(before, now, has_rtx=has_rtx) <= 10


@pytest.mark.parametrize("first", [30_000, 1])
def test_numbers_that_begin_anew_are_no_loss(rig: Rig, first: int) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    for begin in (20_000, first):
        for number in range(begin, begin + 60):
            sender.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
        rig.clock.advance(1000)
        sender.send_rtcp(SenderReport(VIDEO_SSRC, rig.clock.ntp_now(), 1, 1, 1))
    [stats] = producer.get_stats()
    assert (stats.score, stats.packets_lost) == (10, 0)
