"""However often something is wrong, it is told once a second, with how often it was."""

from __future__ import annotations

from miso.worker.rtc.complaint import Complaint


def test_is_told_at_once_then_once_a_second() -> None:
    complaint = Complaint()
    told = [(now_us, complaint.count) for now_us in range(0, 3_000_000, 250_000) if complaint.is_due(now_us)]
    assert told == [(0, 1), (1_000_000, 5), (2_000_000, 9)]
