"""Transport-wide feedback: any arrivals are recorded and built into packets that say the same; any packet is parsed."""

from miso.worker.bwe.transport_feedback import TransportFeedback
from miso.worker.rtcp.compound import parse_compound
from miso.worker.rtcp.transport_wide import TransportWideFeedback

SEEDS = [
    bytes.fromhex("8fcd0006 00000001 00000002 000a0009 00000109 2003d280 01020300 0405ff00"),
    bytes.fromhex("8fcd0005 00000001 00000002 fffe0003 ffffff01 d2800500 0100ff00"),
    bytes.fromhex("0000 0001 0001 0004 0002 0001 0007 0500 0003 0002"),
]


def run(data: bytes) -> None:
    """The bytes are taken as arrivals first, then as a packet."""
    feedback = TransportFeedback()
    now_us = 1_000_000
    recorded: set[int] = set()
    for offset in range(0, len(data) - 3, 4):
        sequence_number = int.from_bytes(data[offset : offset + 2], "big")
        now_us += int.from_bytes(data[offset + 2 : offset + 4], "big") * 100
        feedback.on_packet(sequence_number, now_us)
        recorded.add(sequence_number)
    packets = feedback.poll(now_us + 100_000, 1)
    assert len(packets) <= 2048
    for packet in packets:
        assert len(packet) <= 1116
        (parsed,) = parse_compound(packet)
        assert isinstance(parsed, TransportWideFeedback)
        assert {number for number, _ in parsed.arrivals} <= recorded
    parse_compound(data)
