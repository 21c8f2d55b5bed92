"""Byte by byte what libsrtp makes of random packets, refusals included: 20,000 with each code."""

from __future__ import annotations

import pytest

from miso.worker.srtp_suite import SrtpSuite
from tests.worker.srtp.witness import compare


@pytest.mark.parametrize("suite", SrtpSuite)
def test_random_packets_are_protected_as_by_libsrtp(code: str, suite: SrtpSuite) -> None:
    refused = 0
    for packet, theirs, ours in compare(suite, 5_000, seed=len(code)):
        assert ours == theirs, packet.hex()
        refused += ours is None
    assert 50 < refused < 1000
