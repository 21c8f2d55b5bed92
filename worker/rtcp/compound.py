"""Compound RTCP packets (RFC 3550 section 6.1), reduced-size ones too (RFC 5506): bytes to objects and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from miso.worker.errors import ParseError
from miso.worker.rtcp.extended import ExtendedReport, parse_extended_report
from miso.worker.rtcp.feedback import (
    APPLICATION_FORMAT,
    FIR_FORMAT,
    NACK_FORMAT,
    PLI_FORMAT,
    TRANSPORT_WIDE_FORMAT,
    Fir,
    Nack,
    Pli,
    Remb,
    parse_application_feedback,
    parse_fir,
    parse_nack,
    parse_pli,
)
from miso.worker.rtcp.reports import ReceiverReport, SenderReport, parse_receiver_report, parse_sender_report
from miso.worker.rtcp.source import (
    ApplicationDefined,
    Goodbye,
    SourceDescription,
    parse_application_defined,
    parse_goodbye,
    parse_source_description,
)
from miso.worker.rtcp.transport_wide import TransportWideFeedback, parse_transport_wide
from miso.worker.rtcp.wire import PacketType, RawPacket, split_compound

BuildablePacket = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | ApplicationDefined
    | Nack
    | Pli
    | Fir
    | Remb
    | ExtendedReport
)
Packet = BuildablePacket | TransportWideFeedback

_BY_TYPE: dict[int, Callable[[int, bytes], Packet]] = {
    PacketType.SENDER_REPORT: parse_sender_report,
    PacketType.RECEIVER_REPORT: parse_receiver_report,
    PacketType.SOURCE_DESCRIPTION: parse_source_description,
    PacketType.GOODBYE: parse_goodbye,
    PacketType.APPLICATION_DEFINED: parse_application_defined,
    PacketType.EXTENDED_REPORT: parse_extended_report,
}
_BY_FORMAT: dict[tuple[int, int], Callable[[bytes], Packet | None]] = {
    (PacketType.TRANSPORT_FEEDBACK, NACK_FORMAT): parse_nack,
    (PacketType.TRANSPORT_FEEDBACK, TRANSPORT_WIDE_FORMAT): parse_transport_wide,
    (PacketType.PAYLOAD_FEEDBACK, PLI_FORMAT): parse_pli,
    (PacketType.PAYLOAD_FEEDBACK, FIR_FORMAT): parse_fir,
    (PacketType.PAYLOAD_FEEDBACK, APPLICATION_FORMAT): parse_application_feedback,
}


def walk_compound(data: bytes) -> Iterator[Packet | ParseError]:
    """Judges the packets of a compound one by one, in their order; those of unknown type or format are skipped.

    An error stands for each that is malformed; its length tells where the next begins. Where lengths or versions
    are wrong nothing can be found any more, and that error is the last.
    """
    try:
        for raw in split_compound(data):
            if isinstance(raw, ParseError):
                yield raw
            elif (packet := _parse_or_error(raw)) is not None:
                yield packet
    except ParseError as error:
        yield error


def parse_compound(data: bytes) -> list[Packet]:
    """Parses all packets of a compound, of which none may be malformed.

    Raises:
        ParseError: One of them is.
    """
    packets = []
    for packet in walk_compound(data):
        if isinstance(packet, ParseError):
            raise packet
        packets.append(packet)
    return packets


def build_compound(packets: Iterable[BuildablePacket]) -> bytes:
    """Joins packets; the caller puts a report first and a CNAME after it where RFC 3550 section 6.1 wants them."""
    return b"".join(packet.to_bytes() for packet in packets)


def _parse_or_error(raw: RawPacket) -> Packet | ParseError | None:
    try:
        return _parse(raw)
    except ParseError as error:
        return error


def _parse(raw: RawPacket) -> Packet | None:
    parse = _BY_TYPE.get(raw.packet_type)
    if parse is not None:
        return parse(raw.count, raw.body)
    parse_feedback = _BY_FORMAT.get((raw.packet_type, raw.count))
    return None if parse_feedback is None else parse_feedback(raw.body)
