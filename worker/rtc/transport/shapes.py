"""What dumps and statistics of all kinds of transport show; each kind adds its own."""

from __future__ import annotations

from typing import TypedDict

from miso.worker.channel.bodies.base import SctpState
from miso.worker.channel.bodies.transport import (
    RecvRtpHeaderExtensions,
    RtpListenerDump,
    SctpListenerDump,
    SctpParametersDump,
)


class DumpFields(TypedDict):
    """The fields of ``TransportDump``."""

    id: str
    direct: bool
    producer_ids: list[str]
    consumer_ids: list[str]
    map_ssrc_consumer_id: dict[str, str]
    map_rtx_ssrc_consumer_id: dict[str, str]
    data_producer_ids: list[str]
    data_consumer_ids: list[str]
    recv_rtp_header_extensions: RecvRtpHeaderExtensions
    rtp_listener: RtpListenerDump
    max_message_size: int
    trace_event_types: str
    sctp_parameters: SctpParametersDump | None
    sctp_state: SctpState | None
    sctp_listener: SctpListenerDump | None


class StatsFields(TypedDict):
    """The fields of ``TransportStats`` that all kinds have."""

    transport_id: str
    timestamp: int
    bytes_received: int
    recv_bitrate: int
    bytes_sent: int
    send_bitrate: int
    rtp_bytes_received: int
    rtp_recv_bitrate: int
    rtp_bytes_sent: int
    rtp_send_bitrate: int
    rtx_bytes_received: int
    rtx_recv_bitrate: int
    rtx_bytes_sent: int
    rtx_send_bitrate: int
    probation_bytes_sent: int
    probation_send_bitrate: int
    sctp_state: SctpState | None
    available_incoming_bitrate: int | None
    max_incoming_bitrate: int | None
    rtp_packet_loss_received: float | None
    available_outgoing_bitrate: int | None
    rtp_packet_loss_sent: float | None
