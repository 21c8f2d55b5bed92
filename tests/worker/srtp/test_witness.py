"""Byte by byte what libsrtp makes of random packets, refusals included: tens of thousands with each code."""

from __future__ import annotations

import pytest

from miso.worker.srtp_suite import SrtpSuite
from tests.worker.srtp.witness import compare, compare_opened, compare_rtcp


@pytest.mark.parametrize("suite", SrtpSuite)
def test_random_packets_are_protected_as_by_libsrtp(code: str, suite: SrtpSuite) -> None:
    refused = 0
    for packet, theirs, ours in compare(suite, 5_000, seed=len(code)):
        assert ours == theirs, packet.hex()
        refused += ours is None
    assert 50 < refused < 1000


@pytest.mark.parametrize("is_rtcp", [False, True], ids=["rtp", "rtcp"])
@pytest.mark.parametrize("suite", SrtpSuite)
def test_random_packets_are_opened_as_by_libsrtp(code: str, suite: SrtpSuite, is_rtcp: bool) -> None:
    opened = refused = 0
    for packet, theirs, ours in compare_opened(suite, 5_000, seed=len(code), is_rtcp=is_rtcp):
        assert ours == theirs, packet.hex()
        opened += ours is not None
        refused += ours is None
    assert opened > 2500
    assert refused > 250


@pytest.mark.parametrize("suite", SrtpSuite)
def test_random_rtcp_is_protected_as_by_libsrtp(code: str, suite: SrtpSuite) -> None:
    for packet, theirs, ours in compare_rtcp(suite, 3_000, seed=len(code)):
        assert ours == theirs, packet.hex()
        assert ours is not None
