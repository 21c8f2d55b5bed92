"""Transport-wide feedback from the wire."""

from __future__ import annotations

import pytest

from miso.worker.errors import ParseError
from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.transport_wide import TransportWideFeedback
from miso.worker.rtcp.wire import PacketType, make_packet


def _feedback(base: int, status_count: int, reference: int, chunks: str, deltas: str) -> bytes:
    body = (
        bytes.fromhex("00000001 00000002")
        + base.to_bytes(2, "big")
        + status_count.to_bytes(2, "big")
        + (reference & 0xFFFFFF).to_bytes(3, "big")
        + b"\x09"
        + bytes.fromhex(chunks)
        + bytes.fromhex(deltas)
    )
    return make_packet(PacketType.TRANSPORT_FEEDBACK, 15, body)


def _arrivals(packet: bytes) -> tuple[tuple[int, int], ...]:
    (feedback,) = parse_compound(packet)
    assert isinstance(feedback, TransportWideFeedback)
    return feedback.arrivals


def test_run_of_small_deltas_wraps_the_numbers() -> None:
    packet = _feedback(65535, 3, 2, "2003", "010203")
    (feedback,) = parse_compound(packet)
    assert isinstance(feedback, TransportWideFeedback)
    assert (feedback.sender_ssrc, feedback.media_ssrc) == (1, 2)
    assert (feedback.base_sequence, feedback.status_count, feedback.feedback_count) == (65535, 3, 9)
    assert feedback.arrivals == ((65535, 513), (0, 515), (1, 518))


def test_one_bit_vector_tells_received_and_missing() -> None:
    # 10 1000…: bits of the 14 symbols: 1,0,1 then zeros
    assert _arrivals(_feedback(10, 3, 0, "a800", "0405")) == ((10, 4), (12, 9))


def test_two_bit_vector_has_large_and_negative_deltas() -> None:
    # 11 01 00 10 10 000000: small, missing, large, large
    assert _arrivals(_feedback(1, 4, 0, "d280", "05 0400 ffff")) == ((1, 5), (3, 5 + 1024), (4, 5 + 1023))


def test_reference_time_is_signed() -> None:
    assert _arrivals(_feedback(1, 1, -1, "2001", "00")) == ((1, -256),)


def test_symbols_beyond_the_count_are_ignored() -> None:
    assert _arrivals(_feedback(1, 2, 0, "bfff", "0101")) == ((1, 1), (2, 2))


def test_longest_run_of_missing_packets_costs_nothing() -> None:
    packet = _feedback(0, 65535, 0, "1fff" * 9, "")
    assert _arrivals(packet) == ()


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (_feedback(0, 0, 0, "", ""), "no status"),
        (_feedback(0, 5, 0, "0000", ""), "run length is 0"),
        (_feedback(0, 1, 0, "6001", "000000"), "symbol is 3"),
        (_feedback(0, 1, 0, "f000", "000000"), "symbol is 3"),
        (_feedback(0, 200, 0, "20c8", "00"), "deltas"),
        (_feedback(0, 4, 0, "eaaa", "00000000"), "delta"),
        (_feedback(0, 30, 0, "8000 8000", ""), "chunk"),
    ],
)
def test_malformed_feedback_is_refused(packet: bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_compound(packet)
