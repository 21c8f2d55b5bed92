"""What clients say to the room server: the data of each protoo request, and what it may leave out.

Names are camelCase on the wire. Keys that are not listed are ignored: every client sends some of its own.
RTP parameters and capabilities stay as they came; ``controller`` checks them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from miso.controller.types import MediaKind
from miso.demo.json import Json
from miso.demo.limits.per_client import MAX_NAME_LENGTH, MAX_STREAM_LENGTH, MAX_TOKEN_LENGTH
from miso.demo.rooms.relayed_data import check_rtp_parameters, check_told

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME_LENGTH)]


class Body(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all request data."""


class NoBody(Body, frozen=True):
    """A request without data."""


class TransportAppData(Body, frozen=True):
    """What clients of 2026 hang on a transport instead of two booleans."""

    direction: str | None = None


class CreateWebRtcTransport(Body, frozen=True):
    """Asks for a transport to send or to receive over."""

    force_tcp: bool | None = None
    producing: bool | None = None
    consuming: bool | None = None
    sctp_capabilities: Json | None = None
    app_data: TransportAppData | None = None
    dtls_parameters: Json | None = None


class OfTransport(Body, frozen=True):
    """Names a transport of the peer."""

    transport_id: str


class ConnectWebRtcTransport(OfTransport, frozen=True):
    """Brings the client's DTLS parameters."""

    dtls_parameters: Json


class Join(Body, frozen=True):
    """The peer shows itself to the others and is shown to them."""

    display_name: Name | None = None
    device: Json | None = None
    rtp_capabilities: Json | None = None
    sctp_capabilities: Json | None = None

    def __post_init__(self) -> None:
        check_told("device", self.device)


class Produce(OfTransport, frozen=True):
    """Starts to send audio or video."""

    kind: MediaKind
    rtp_parameters: Json
    app_data: Json | None = None

    def __post_init__(self) -> None:
        check_rtp_parameters(self.rtp_parameters)
        check_told("appData", self.app_data)


class ProduceData(OfTransport, frozen=True):
    """Starts to send messages over a data channel."""

    sctp_stream_parameters: Json
    label: str | None = None
    protocol: str | None = None
    app_data: Json | None = None

    def __post_init__(self) -> None:
        check_told("sctpStreamParameters", self.sctp_stream_parameters)
        check_told("label, protocol, appData", [self.label, self.protocol, self.app_data])


class OfProducer(Body, frozen=True):
    """Names a producer of the peer."""

    producer_id: str


class OfConsumer(Body, frozen=True):
    """Names a consumer of the peer."""

    consumer_id: str


class OfDataProducer(Body, frozen=True):
    """Names a data producer of the peer."""

    data_producer_id: str


class OfDataConsumer(Body, frozen=True):
    """Names a data consumer of the peer."""

    data_consumer_id: str


class SetConsumerPreferredLayers(OfConsumer, frozen=True):
    """The best layers that the client wants to have."""

    spatial_layer: int
    temporal_layer: int | None = None


class SetConsumerPriority(OfConsumer, frozen=True):
    """How much a consumer matters when bandwidth is short: 1 (least) to 255."""

    priority: int


class ChangeDisplayName(Body, frozen=True):
    """The peer's new name."""

    display_name: Name


class OfNetworkThrottle(Body, frozen=True):
    """Brings the secret that opens the network throttle."""

    secret: str = ""


class ThrottleOptions(Body, frozen=True):
    """How bad the network is to be, as clients of 2026 say it; see :class:`ApplyNetworkThrottle`."""

    up: float | None = None
    down: float | None = None
    rtt: float | None = None
    packet_loss: float | None = None


class ApplyNetworkThrottle(OfNetworkThrottle, frozen=True):
    """Makes the network worse: what the server may send and receive in kbit/s, round trip in ms, percent lost."""

    uplink: float | None = None
    downlink: float | None = None
    rtt: float | None = None
    packet_loss: float | None = None
    options: ThrottleOptions | None = None


class OfLiveStream(Body, frozen=True):
    """Names a live stream by its path, and brings a token where who plays needs one."""

    stream: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_STREAM_LENGTH)]
    token: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN_LENGTH)] = ""
