"""The structs that the API takes and gives: snake_case here, camelCase in JSON (``to_json``, ``from_json``)."""

from __future__ import annotations

from typing import Any

import msgspec

from miso.controller.rtp_capabilities import (
    Direction,
    MediaKind,
    RtpCapabilities,
    RtpCodecCapability,
    RtpHeaderExtension,
)
from miso.controller.scalability_modes import ScalabilityMode
from miso.worker.channel.bodies.base import DtlsRole, DtlsState, IceState, SctpState
from miso.worker.channel.bodies.consumer import ConsumerDump
from miso.worker.channel.bodies.data_consumer import DataConsumerDump, DataConsumerStats
from miso.worker.channel.bodies.data_producer import DataProducerDump, DataProducerStats
from miso.worker.channel.bodies.producer import ProducerDump
from miso.worker.channel.bodies.router import ListenIp, RouterDump, SrtpCryptoSuite
from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    EncodingMapping,
    RtcpFeedback,
    RtcpParameters,
    RtpCodecParameters,
    RtpEncodingParameters,
    RtpHeaderExtensionParameters,
    RtpMapping,
    RtpParameters,
    RtpStreamStats,
    RtxParameters,
)
from miso.worker.channel.bodies.transport import (
    ConsumerLayers,
    ConsumerScore,
    DtlsFingerprint,
    DtlsParameters,
    IceCandidate,
    IceParameters,
    NumSctpStreams,
    SctpParametersDump,
    SctpStreamParameters,
    SrtpParameters,
    TransportDump,
    TransportStats,
    TransportTuple,
)
from miso.worker.channel.bodies.web_rtc_server import ListenInfo, WebRtcServerDump
from miso.worker.channel.bodies.worker import LoadReport, LoopDelays, ResourceUsage, WorkerDump
from miso.worker.channel.events import ProducerScore, Trace, VideoOrientation

AppData = dict[str, Any]
"""What an application hangs on an object; nobody else looks at it."""


class SctpParameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The parameters of a transport's SCTP association, as the remote side must know them.

    Attributes:
        port: SCTP port.
        os: Initially requested number of outgoing streams.
        mis: Maximum number of incoming streams.
        max_message_size: Bytes.
    """

    port: int
    os: int = msgspec.field(name="OS")
    mis: int = msgspec.field(name="MIS")
    max_message_size: int

    @classmethod
    def of_dump(cls, dump: SctpParametersDump | None) -> SctpParameters | None:
        """What the remote side needs of a worker's answer."""
        if dump is None:
            return None
        return cls(port=dump.port, os=dump.os, mis=dump.mis, max_message_size=dump.max_message_size)


class SctpCapabilities(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What SCTP an endpoint can do."""

    num_streams: NumSctpStreams


__all__ = [
    "AppData",
    "CodecMapping",
    "ConsumerDump",
    "ConsumerLayers",
    "ConsumerScore",
    "DataConsumerDump",
    "DataConsumerStats",
    "DataProducerDump",
    "DataProducerStats",
    "Direction",
    "DtlsFingerprint",
    "DtlsParameters",
    "DtlsRole",
    "DtlsState",
    "EncodingMapping",
    "IceCandidate",
    "IceParameters",
    "IceState",
    "ListenInfo",
    "ListenIp",
    "LoadReport",
    "LoopDelays",
    "MediaKind",
    "NumSctpStreams",
    "ProducerDump",
    "ProducerScore",
    "ResourceUsage",
    "RouterDump",
    "RtcpFeedback",
    "RtcpParameters",
    "RtpCapabilities",
    "RtpCodecCapability",
    "RtpCodecParameters",
    "RtpEncodingParameters",
    "RtpHeaderExtension",
    "RtpHeaderExtensionParameters",
    "RtpMapping",
    "RtpParameters",
    "RtpStreamStats",
    "RtxParameters",
    "ScalabilityMode",
    "SctpCapabilities",
    "SctpParameters",
    "SctpState",
    "SctpStreamParameters",
    "SrtpCryptoSuite",
    "SrtpParameters",
    "Trace",
    "TransportDump",
    "TransportStats",
    "TransportTuple",
    "VideoOrientation",
    "WebRtcServerDump",
    "WorkerDump",
]
