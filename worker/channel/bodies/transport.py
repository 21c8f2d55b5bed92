"""Bodies of ``transport.*``: connect, produce, consume, dump and statistics of the four kinds."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import (
    Body,
    DataType,
    DtlsRole,
    DtlsState,
    IceState,
    Kind,
    ObjectId,
    Protocol,
    RtpType,
    SctpState,
    UInt16,
    UInt32,
)
from .rtp import RtpEncodingParameters, RtpMapping, RtpParameters

# ---------------------------------------------------------------- addresses, ICE, DTLS, SRTP, SCTP


class TransportTuple(Body, frozen=True, kw_only=True):
    """Local and (once known) remote address of a transport; ``local_ip`` is the announced one where given."""

    local_ip: str
    local_port: int
    protocol: Protocol
    remote_ip: str | None = None
    remote_port: int | None = None


class IceParameters(Body, frozen=True, kw_only=True):
    """Local ICE credentials (RFC 8839 section 5.4)."""

    username_fragment: str
    password: str
    ice_lite: bool


class IceCandidate(Body, frozen=True, kw_only=True):
    """A local host candidate (RFC 8839 section 5.1); TCP candidates are passive (RFC 6544)."""

    foundation: str
    priority: int
    ip: str
    protocol: Protocol
    port: int
    type: str
    tcp_type: str | None = None


class DtlsFingerprint(Body, frozen=True, kw_only=True):
    """A certificate's fingerprint (RFC 8122): algorithm, and pairs of hexadecimal digits joined by colons."""

    algorithm: str
    value: str


class DtlsParameters(Body, frozen=True, kw_only=True):
    """Role and certificate fingerprints of one side."""

    fingerprints: Annotated[list[DtlsFingerprint], msgspec.Meta(min_length=1)]
    role: DtlsRole = "auto"


class LocalDtlsParameters(Body, frozen=True, kw_only=True):
    """Our role and fingerprints, as ``dump`` shows them."""

    fingerprints: list[DtlsFingerprint]
    role: DtlsRole


class SrtpParameters(Body, frozen=True, kw_only=True):
    """SRTP keys of one side: crypto suite, and master key with master salt in base64."""

    crypto_suite: str
    key_base64: str


class NumSctpStreams(Body, frozen=True, kw_only=True):
    """Numbers of outgoing and incoming SCTP streams."""

    os: UInt16 = msgspec.field(name="OS")
    mis: UInt16 = msgspec.field(name="MIS")


class SctpParametersDump(Body, frozen=True, kw_only=True):
    """The SCTP association's parameters."""

    port: int
    os: int = msgspec.field(name="OS")
    mis: int = msgspec.field(name="MIS")
    max_message_size: int
    send_buffer_size: int
    sctp_buffered_amount: int
    is_data_channel: bool


class SctpStreamParameters(Body, frozen=True, kw_only=True):
    """One SCTP stream. At most one of the two limits (ms, count) may be given, and then it is not ordered."""

    stream_id: Annotated[int, msgspec.Meta(ge=0, le=65534)]
    ordered: bool | None = None
    max_packet_life_time: UInt16 | None = None
    max_retransmits: UInt16 | None = None


# ---------------------------------------------------------------- requests and responses


class ConnectRequest(Body, frozen=True, kw_only=True):
    """The remote side: ``dtls_parameters`` for WebRTC, address and keys for plain and pipe, nothing for direct."""

    dtls_parameters: DtlsParameters | None = None
    ip: str | None = None
    port: UInt16 | None = None
    rtcp_port: UInt16 | None = None
    srtp_parameters: SrtpParameters | None = None


class ConnectResponse(Body, frozen=True, kw_only=True):
    """Our DTLS role (WebRTC), or the address pair and our keys (plain, pipe)."""

    dtls_local_role: DtlsRole | None = None
    tuple: TransportTuple | None = None
    rtcp_tuple: TransportTuple | None = None
    srtp_parameters: SrtpParameters | None = None


class SetBitrateRequest(Body, frozen=True, kw_only=True):
    """A limit in bit/s, 0 for none."""

    bitrate: UInt32


class RestartIceResponse(Body, frozen=True, kw_only=True):
    """The new local ICE credentials."""

    ice_parameters: IceParameters


class EnableTraceEventRequest(Body, frozen=True, kw_only=True):
    """The kinds of trace events wanted from now on; unknown kinds are ignored, an empty list turns tracing off."""

    types: list[str]


class ProduceRequest(Body, frozen=True, kw_only=True):
    """A new producer; ``key_frame_request_delay`` in ms."""

    producer_id: ObjectId
    kind: Kind
    rtp_parameters: RtpParameters
    rtp_mapping: RtpMapping
    key_frame_request_delay: UInt32 = 0
    paused: bool = False


class ProduceResponse(Body, frozen=True, kw_only=True):
    """The type the worker found: simple, simulcast or svc."""

    type: RtpType


class ConsumerLayers(Body, frozen=True, kw_only=True):
    """Spatial and temporal layer, from 0; as a wish, what is beyond the highest layer means the highest."""

    spatial_layer: Annotated[int, msgspec.Meta(ge=0)]
    temporal_layer: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ConsumerScore(Body, frozen=True, kw_only=True):
    """Scores 0..10: of the consumer's stream, of the producer's stream it forwards, of all the producer's streams."""

    score: int
    producer_score: int
    producer_scores: list[int]


class ConsumeRequest(Body, frozen=True, kw_only=True):
    """A new consumer of ``producer_id``; ``consumable_rtp_encodings`` are its encodings inside the router."""

    consumer_id: ObjectId
    producer_id: ObjectId
    kind: Kind
    rtp_parameters: RtpParameters
    type: RtpType
    consumable_rtp_encodings: Annotated[list[RtpEncodingParameters], msgspec.Meta(min_length=1)]
    paused: bool = False
    preferred_layers: ConsumerLayers | None = None
    ignore_dtx: bool = False


class ConsumeResponse(Body, frozen=True, kw_only=True):
    """The new consumer's state; ``preferred_layers`` for simulcast and svc."""

    paused: bool
    producer_paused: bool
    score: ConsumerScore
    preferred_layers: ConsumerLayers | None = None


class ProduceDataRequest(Body, frozen=True, kw_only=True):
    """A new data producer; ``sctp_stream_parameters`` for type sctp."""

    data_producer_id: ObjectId
    type: DataType
    sctp_stream_parameters: SctpStreamParameters | None = None
    label: str = ""
    protocol: str = ""


class ConsumeDataRequest(Body, frozen=True, kw_only=True):
    """A new data consumer of ``data_producer_id``; ``sctp_stream_parameters`` for type sctp."""

    data_consumer_id: ObjectId
    data_producer_id: ObjectId
    type: DataType
    sctp_stream_parameters: SctpStreamParameters | None = None
    label: str = ""
    protocol: str = ""


class CloseProducerRequest(Body, frozen=True, kw_only=True):
    """The id of the producer to close."""

    producer_id: ObjectId


class CloseConsumerRequest(Body, frozen=True, kw_only=True):
    """The id of the consumer to close."""

    consumer_id: ObjectId


class CloseDataProducerRequest(Body, frozen=True, kw_only=True):
    """The id of the data producer to close."""

    data_producer_id: ObjectId


class CloseDataConsumerRequest(Body, frozen=True, kw_only=True):
    """The id of the data consumer to close."""

    data_consumer_id: ObjectId


# ---------------------------------------------------------------- dumps


class RecvRtpHeaderExtensions(Body, frozen=True, kw_only=True):
    """The header-extension ids that a transport reads of every incoming packet."""

    mid: int | None = None
    rid: int | None = None
    rrid: int | None = None
    abs_send_time: int | None = None
    transport_wide_cc_01: int | None = None


class RtpListenerDump(Body, frozen=True, kw_only=True):
    """Which producer an SSRC, MID or RID belongs to (SSRCs as decimal text)."""

    ssrc_table: dict[str, str]
    mid_table: dict[str, str]
    rid_table: dict[str, str]


class SctpListenerDump(Body, frozen=True, kw_only=True):
    """Which data producer a stream id (as decimal text) belongs to."""

    stream_id_table: dict[str, str]


class TransportDump(Body, frozen=True, kw_only=True):
    """What all transports dump, and the whole dump of a direct one; the ``sctp_*`` fields stand with SCTP only."""

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
    sctp_parameters: SctpParametersDump | None = None
    sctp_state: SctpState | None = None
    sctp_listener: SctpListenerDump | None = None


class WebRtcTransportDump(TransportDump, frozen=True, kw_only=True):
    """A WebRtcTransport."""

    ice_role: Literal["controlled"]
    ice_parameters: IceParameters
    ice_candidates: list[IceCandidate]
    ice_state: IceState
    dtls_parameters: LocalDtlsParameters
    dtls_state: DtlsState
    ice_selected_tuple: TransportTuple | None = None


class PlainTransportDump(TransportDump, frozen=True, kw_only=True):
    """A PlainTransport; ``rtcp_tuple`` without RTCP-mux, ``srtp_parameters`` with SRTP."""

    rtcp_mux: bool
    comedia: bool
    tuple: TransportTuple
    rtcp_tuple: TransportTuple | None = None
    srtp_parameters: SrtpParameters | None = None


class PipeTransportDump(TransportDump, frozen=True, kw_only=True):
    """A PipeTransport."""

    tuple: TransportTuple
    rtx: bool
    srtp_parameters: SrtpParameters | None = None


# ---------------------------------------------------------------- statistics


TransportStatsType = Literal["webrtc-transport", "plain-rtp-transport", "pipe-transport", "direct-transport"]


class TransportStats(Body, frozen=True, kw_only=True):
    """Statistics of a transport of any kind.

    ``timestamp`` is in ms of the monotonic clock, bytes count since creation, bitrates are in bit/s. ``type`` is
    ``webrtc-transport`` (with the ``ice_*`` and ``dtls_*`` fields), ``plain-rtp-transport`` (``rtcp_mux``, ``comedia``,
    ``tuple``, ``rtcp_tuple``), ``pipe-transport`` (``tuple``) or ``direct-transport``. ``srtp_failures`` is Miso's own:
    packets of the right sender that SRTP did not let pass; absent while there are none.
    """

    type: TransportStatsType
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
    srtp_failures: int | None = None
    sctp_state: SctpState | None = None
    available_outgoing_bitrate: int | None = None
    available_incoming_bitrate: int | None = None
    max_incoming_bitrate: int | None = None
    rtp_packet_loss_received: float | None = None
    rtp_packet_loss_sent: float | None = None
    ice_role: Literal["controlled"] | None = None
    ice_state: IceState | None = None
    ice_selected_tuple: TransportTuple | None = None
    dtls_state: DtlsState | None = None
    rtcp_mux: bool | None = None
    comedia: bool | None = None
    tuple: TransportTuple | None = None
    rtcp_tuple: TransportTuple | None = None
