"""Bodies of ``router.*``: the creation of transports and observers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import Body, ObjectId, Size, UInt16, UInt32
from .transport import NumSctpStreams

SrtpCryptoSuite = Literal["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]

MAX_SCTP_SEND_BUFFER_SIZE = 268_435_456


class ListenIp(Body, frozen=True, kw_only=True):
    """An IP to bind, and the one to announce in its place."""

    ip: str
    announced_ip: str | None = None


class CreateTransportRequest(Body, frozen=True, kw_only=True):
    """What all transports but the direct one are created with. Sizes in bytes, bitrates in bit/s.

    With ``enable_sctp``, ``num_sctp_streams`` and ``max_sctp_message_size`` must be given.
    """

    transport_id: ObjectId
    initial_available_outgoing_bitrate: UInt32 = 600_000
    enable_sctp: bool = False
    num_sctp_streams: NumSctpStreams | None = None
    max_sctp_message_size: Size | None = None
    sctp_send_buffer_size: Annotated[int, msgspec.Meta(ge=0, le=MAX_SCTP_SEND_BUFFER_SIZE)] = 262_144
    is_data_channel: bool = False


class WebRtcTransportOptions(CreateTransportRequest, frozen=True, kw_only=True):
    """What both ways to create a WebRtcTransport share; ``ice_consent_timeout`` in seconds, 0 turns consent off."""

    enable_udp: bool = True
    enable_tcp: bool = False
    prefer_udp: bool = False
    prefer_tcp: bool = False
    ice_consent_timeout: UInt16 = 30


class CreateWebRtcTransportRequest(WebRtcTransportOptions, frozen=True, kw_only=True):
    """A WebRtcTransport with sockets of its own."""

    listen_ips: Annotated[list[ListenIp], msgspec.Meta(min_length=1, max_length=8)]
    port: UInt16 | None = None


class CreateWebRtcTransportWithServerRequest(WebRtcTransportOptions, frozen=True, kw_only=True):
    """A WebRtcTransport on the sockets of a WebRtcServer."""

    web_rtc_server_id: ObjectId


class CreatePlainTransportRequest(CreateTransportRequest, frozen=True, kw_only=True):
    """A PlainTransport: RTP and RTCP over UDP, with SRTP keys exchanged by the application."""

    listen_ip: ListenIp
    port: UInt16 | None = None
    rtcp_mux: bool = True
    comedia: bool = False
    enable_srtp: bool = False
    srtp_crypto_suite: SrtpCryptoSuite | None = None


class CreatePipeTransportRequest(CreateTransportRequest, frozen=True, kw_only=True):
    """A PipeTransport: between two routers."""

    listen_ip: ListenIp
    port: UInt16 | None = None
    enable_rtx: bool = False
    enable_srtp: bool = False


class CreateDirectTransportRequest(Body, frozen=True, kw_only=True):
    """A DirectTransport: RTP, RTCP and data messages over the payload channel."""

    transport_id: ObjectId
    max_message_size: Size
    direct: bool | None = None


class CloseTransportRequest(Body, frozen=True, kw_only=True):
    """The id of the transport to close."""

    transport_id: ObjectId


class CreateActiveSpeakerObserverRequest(Body, frozen=True, kw_only=True):
    """``interval`` in ms, brought into 100..5000."""

    rtp_observer_id: ObjectId
    interval: int | float


class CreateAudioLevelObserverRequest(Body, frozen=True, kw_only=True):
    """``threshold`` in dBvo (-127..0), ``interval`` in ms, brought into 250..5000."""

    rtp_observer_id: ObjectId
    max_entries: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    threshold: Annotated[int, msgspec.Meta(ge=-127, le=0)]
    interval: int | float


class CloseRtpObserverRequest(Body, frozen=True, kw_only=True):
    """The id of the observer to close."""

    rtp_observer_id: ObjectId


class RouterDump(Body, frozen=True, kw_only=True):
    """A router and who is connected to whom in it."""

    id: str
    transport_ids: list[str]
    rtp_observer_ids: list[str]
    map_producer_id_consumer_ids: dict[str, list[str]]
    map_consumer_id_producer_id: dict[str, str]
    map_producer_id_observer_ids: dict[str, list[str]]
    map_data_producer_id_data_consumer_ids: dict[str, list[str]]
    map_data_consumer_id_data_producer_id: dict[str, str]
