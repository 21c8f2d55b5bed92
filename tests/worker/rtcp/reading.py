"""What two readers find in a compound packet, in one form: the plane's, and the one that makes objects."""

from __future__ import annotations

from typing import Any

from miso.worker.errors import ParseError
from miso.worker.rtcp import enums
from miso.worker.rtcp.arrivals import ArrivalReader
from miso.worker.rtcp.compound import walk_compound
from miso.worker.rtcp.extended import ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli, Remb
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.rtcp.transport_wide import TransportWideFeedback

Member = tuple[object, ...]
NOTHING: Member = ()


def read_members(reader: Any, data: bytes) -> list[Member]:
    """By a ``CompoundReader``; without the members that say nothing to act on."""
    members: list[Member] = []
    reader.begin()
    while (kind := reader.next(data, len(data))) != enums.END:
        if kind != enums.OTHER:
            members.append(_read(reader, kind, data))
    return members


def _read(reader: Any, kind: int, data: bytes) -> Member:
    indices = range(reader.count)
    if kind == enums.MALFORMED:
        assert str(reader.explain()).startswith("RTCP ")
        return ("malformed",)
    if kind == enums.SENDER_REPORT:
        blocks = [_block(reader, data, index) for index in indices]
        return ("sr", reader.ssrc, reader.ntp, reader.rtp_timestamp, blocks)
    if kind == enums.RECEIVER_REPORT:
        return ("rr", reader.ssrc, [_block(reader, data, index) for index in indices])
    if kind == enums.EXTENDED_REPORT:
        return ("xr", reader.ssrc, reader.ntp, [_delay(reader, data, index) for index in indices])
    if kind == enums.NACK:
        return ("nack", reader.ssrc, [reader.number(index) for index in indices])
    if kind == enums.PLI:
        return ("pli", reader.ssrc)
    if kind == enums.FIR:
        return ("fir", [reader.fir_ssrc(data, index) for index in indices])
    if kind == enums.REMB:
        return ("remb", reader.bitrate_bps)
    assert kind == enums.TRANSPORT_WIDE
    body = data[reader.at : reader.at + reader.size]
    return ("malformed",) if ArrivalReader().read(body, len(body)) else ("twcc", body)


def _block(reader: Any, data: bytes, index: int) -> Member:
    reader.read_block(data, index)
    return (reader.block_ssrc, reader.fraction_lost, reader.total_lost, reader.last_report, reader.delay)


def _delay(reader: Any, data: bytes, index: int) -> Member:
    reader.read_delay(data, index)
    return (reader.block_ssrc, reader.last_report, reader.delay)


def parsed_members(data: bytes) -> list[Member]:
    """By ``walk_compound``, likewise."""
    return [member for packet in walk_compound(data) if (member := _parsed(packet)) != NOTHING]


def _parsed(packet: object) -> Member:
    if isinstance(packet, ParseError):
        return ("malformed",)
    if isinstance(packet, SenderReport):
        return ("sr", packet.ssrc, packet.ntp, packet.rtp_timestamp, [_fields(block) for block in packet.blocks])
    if isinstance(packet, ReceiverReport):
        return ("rr", packet.ssrc, [_fields(block) for block in packet.blocks])
    if isinstance(packet, ExtendedReport):
        delays = [(entry.ssrc, entry.last_rr, entry.delay) for entry in packet.delays]
        return ("xr", packet.ssrc, packet.reference_ntp or 0, delays)
    if isinstance(packet, Nack):
        return ("nack", packet.media_ssrc, list(packet.sequence_numbers))
    if isinstance(packet, Pli):
        return ("pli", packet.media_ssrc)
    if isinstance(packet, Fir):
        return ("fir", [ssrc for ssrc, _ in packet.entries])
    if isinstance(packet, Remb):
        return ("remb", packet.bitrate_bps)
    return ("twcc", packet.body) if isinstance(packet, TransportWideFeedback) else NOTHING


def _fields(block: ReportBlock) -> Member:
    return (block.ssrc, block.fraction_lost, block.total_lost, block.last_sr, block.delay_since_last_sr)
