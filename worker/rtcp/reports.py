"""Sender and receiver reports (RFC 3550 section 6.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from miso.worker.rtcp.wire import PacketType, make_packet, need, read32

MAX_BLOCKS = 31
_BLOCK_SIZE = 24
_SENDER_SIZE = 24  # what a sender says, up to the blocks
_RECEIVER_SIZE = 4
_MAX_LOST = 0x7FFFFF  # signed 24 bits


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What one receiver says of one stream.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                             SSRC                              |
        | fraction lost |       cumulative number of packets lost       |
        |           extended highest sequence number received           |
        |                      interarrival jitter                      |
        |                         last SR (LSR)                         |
        |                   delay since last SR (DLSR)                  |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

    Attributes:
        ssrc: Of the stream.
        fraction_lost: Since the last report, 0 to 255 (of 256).
        total_lost: Signed 24 bits; larger values are written as the limit.
        highest_sequence: 32 bits: cycles and sequence number.
        jitter: In timestamp units.
        last_sr: Middle 32 bits of the last sender report's NTP time, 0 when none came.
        delay_since_last_sr: In 1/65536 s.
    """

    ssrc: int
    fraction_lost: int = 0
    total_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay_since_last_sr: int = 0

    def to_bytes(self) -> bytes:
        """The 24 bytes of the block."""
        lost = max(-_MAX_LOST - 1, min(_MAX_LOST, self.total_lost)) & 0xFFFFFF
        numbers = (
            self.ssrc,
            self.fraction_lost << 24 | lost,
            self.highest_sequence & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            self.last_sr & 0xFFFFFFFF,
            self.delay_since_last_sr & 0xFFFFFFFF,
        )
        return b"".join(number.to_bytes(4, "big") for number in numbers)


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a sender says of its stream; maps its RTP clock to the wall clock.

    Attributes:
        ssrc: Of the sender's stream.
        ntp: 64-bit NTP timestamp.
        rtp_timestamp: Of the same moment.
        packet_count: Packets sent, modulo 2^32.
        octet_count: Payload bytes sent, modulo 2^32.
        blocks: At most 31.
    """

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    blocks: tuple[ReportBlock, ...] = ()

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        head = (
            self.ssrc.to_bytes(4, "big")
            + (self.ntp & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
            + (self.rtp_timestamp & 0xFFFFFFFF).to_bytes(4, "big")
            + (self.packet_count & 0xFFFFFFFF).to_bytes(4, "big")
            + (self.octet_count & 0xFFFFFFFF).to_bytes(4, "big")
        )
        return make_packet(PacketType.SENDER_REPORT, len(self.blocks), head + _join(self.blocks))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a receiver says of the streams it gets.

    Attributes:
        ssrc: Of whoever reports.
        blocks: At most 31.
    """

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    def to_bytes(self) -> bytes:
        """The packet, header included."""
        return make_packet(
            PacketType.RECEIVER_REPORT, len(self.blocks), self.ssrc.to_bytes(4, "big") + _join(self.blocks)
        )


def receiver_reports(ssrc: int, blocks: Sequence[ReportBlock]) -> list[ReceiverReport]:
    """As many reports as the blocks need, at least one."""
    return [
        ReceiverReport(ssrc, tuple(blocks[start : start + MAX_BLOCKS]))
        for start in range(0, max(1, len(blocks)), MAX_BLOCKS)
    ]


def parse_sender_report(count: int, body: bytes) -> SenderReport:
    """Reads the body of a packet of type 200; profile-specific extensions after the blocks are ignored.

    Raises:
        ParseError: It is shorter than its blocks.
    """
    need(body, _SENDER_SIZE, "RTCP sender report")
    return SenderReport(
        ssrc=read32(body, 0),
        ntp=int.from_bytes(body[4:12], "big"),
        rtp_timestamp=read32(body, 12),
        packet_count=read32(body, 16),
        octet_count=read32(body, 20),
        blocks=_parse_blocks(body, _SENDER_SIZE, count),
    )


def parse_receiver_report(count: int, body: bytes) -> ReceiverReport:
    """Reads the body of a packet of type 201.

    Raises:
        ParseError: It is shorter than its blocks.
    """
    need(body, _RECEIVER_SIZE, "RTCP receiver report")
    return ReceiverReport(read32(body, 0), _parse_blocks(body, _RECEIVER_SIZE, count))


def _join(blocks: tuple[ReportBlock, ...]) -> bytes:
    if len(blocks) > MAX_BLOCKS:
        raise ValueError(f"{len(blocks)} report blocks, at most {MAX_BLOCKS} fit in a report")
    return b"".join(block.to_bytes() for block in blocks)


def _parse_blocks(body: bytes, offset: int, count: int) -> tuple[ReportBlock, ...]:
    need(body, offset + count * _BLOCK_SIZE, f"RTCP report with {count} blocks")
    return tuple(_parse_block(body, offset + index * _BLOCK_SIZE) for index in range(count))


def _parse_block(body: bytes, offset: int) -> ReportBlock:
    return ReportBlock(
        ssrc=read32(body, offset),
        fraction_lost=body[offset + 4],
        total_lost=int.from_bytes(body[offset + 5 : offset + 8], "big", signed=True),
        highest_sequence=read32(body, offset + 8),
        jitter=read32(body, offset + 12),
        last_sr=read32(body, offset + 16),
        delay_since_last_sr=read32(body, offset + 20),
    )
