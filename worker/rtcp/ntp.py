"""NTP time as RTCP uses it (RFC 3550 section 4): seconds since 1900 in 32.32 fixed point."""

from __future__ import annotations

_COMPACT_SECOND = 65536  # in 16.16 fixed point


def compact_ntp(ntp: int) -> int:
    """The middle 32 of 64 bits: 16.16 fixed point, as reports echo it."""
    return ntp >> 16 & 0xFFFFFFFF


def compact_duration(duration_us: int) -> int:
    """A duration in 1/65536 s, as DLSR and DLRR give it: 0 when negative, the largest value for what does not fit."""
    if duration_us < 0:
        return 0
    return min(duration_us * _COMPACT_SECOND // 1_000_000, 0xFFFFFFFF)


def round_trip_ms(now_ntp: int, last_report: int, delay: int) -> float | None:
    """Round-trip time from an echoed report (RFC 3550 section 6.4.1, figure 2).

    Args:
        now_ntp: 64-bit NTP timestamp of the echo's arrival.
        last_report: Compact NTP time of our report (LSR, LRR); 0 when the other side has none.
        delay: How long it lay at the other side, in 1/65536 s.

    Returns:
        Milliseconds, at least 0 (clocks that differ in rate can make it slightly negative); None without an echo, or
        when the echo is from the future by more than a second.
    """
    if last_report == 0:
        return None
    difference = (compact_ntp(now_ntp) - last_report - delay) & 0xFFFFFFFF
    if difference >= 1 << 31:
        return 0.0 if difference >= (1 << 32) - _COMPACT_SECOND else None
    return difference * 1000 / _COMPACT_SECOND
