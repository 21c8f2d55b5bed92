"""What broadcasters say: the JSON bodies of the HTTP API, and what they may leave out.

Names are camelCase on the wire; keys that are not listed are ignored. RTP parameters and capabilities stay as they
came; ``controller`` checks them.
"""

from __future__ import annotations

from miso.controller.types import MediaKind
from miso.demo.json import Json
from miso.demo.rooms.relayed_data import check_rtp_parameters, check_told
from miso.demo.rooms.requests.messages import Body, Name


class Device(Body, frozen=True):
    """Which program it is."""

    name: Name | None = None
    version: Name | None = None


class CreateBroadcaster(Body, frozen=True):
    """Somebody new; with ``rtpCapabilities`` it wants to receive, too."""

    id: Name | None = None
    display_name: Name | None = None
    device: Device | None = None
    rtp_capabilities: Json | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("missing body.id")
        if not self.display_name:
            raise ValueError("missing body.displayName")
        if self.device is None or not self.device.name:
            raise ValueError("missing body.device.name")


class CreateTransport(Body, frozen=True):
    """Asks for a transport: plain RTP, or as browsers have it."""

    type: str | None = None
    rtcp_mux: bool = False
    comedia: bool = True
    sctp_capabilities: Json | None = None

    def __post_init__(self) -> None:
        if self.type not in ("plain", "webrtc"):
            raise ValueError("invalid type: plain and webrtc are known")


class Connect(Body, frozen=True):
    """A browser-like one brings its DTLS parameters, a plain one that is not comedia where to send to."""

    dtls_parameters: Json | None = None
    ip: str | None = None
    port: int | None = None
    rtcp_port: int | None = None


class Produce(Body, frozen=True):
    """Starts to send audio or video."""

    kind: MediaKind
    rtp_parameters: Json
    app_data: Json | None = None

    def __post_init__(self) -> None:
        check_rtp_parameters(self.rtp_parameters)
        check_told("appData", self.app_data)


class ConsumeData(Body, frozen=True):
    """Starts to receive messages."""

    data_producer_id: str | None = None


class ProduceData(Body, frozen=True):
    """Starts to send messages; over a plain transport by SCTP."""

    sctp_stream_parameters: Json | None = None
    label: str | None = None
    protocol: str | None = None
    app_data: Json | None = None

    def __post_init__(self) -> None:
        check_told("sctpStreamParameters", self.sctp_stream_parameters)
        check_told("label, protocol, appData", [self.label, self.protocol, self.app_data])
