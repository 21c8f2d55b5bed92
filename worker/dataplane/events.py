"""What the plane tells control: one list per wake-up, made only of what control must see; and who is to answer to it.

An event is about one object of the plane, whose ``owner`` control has set (``Owned``). Those that come with each join
are msgspec's structs, which take no call of Python to be made.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from miso.worker.dataplane.owned import Owned
from miso.worker.dataplane.rtcp_events import RtcpEvent, RtcpTransport

Address = tuple[str, int]


class SocketOwner(Protocol):
    """What the ``owner`` of any socket must answer to."""

    def on_stun(self, event: StunReceived, now_us: int) -> None:
        """A STUN message came in on the socket."""


class UdpOwner(SocketOwner, Protocol):
    """What ``UdpSocket.owner`` must answer to."""

    def on_unknown_sender(self, event: UnknownSender, now_us: int) -> None:
        """A datagram came from an address that no transport accepts (only with ``report_unknown``)."""


class TcpOwner(SocketOwner, Protocol):
    """What ``TcpConnection.owner`` must answer to."""

    def on_connection_closed(self, event: ConnectionClosed, now_us: int) -> None:
        """The connection ended by itself."""


class TransportOwner(RtcpTransport, Protocol):
    """What ``TransportPlane.owner`` must answer to."""

    def on_dtls(self, data: bytes, now_us: int) -> None:
        """A DTLS datagram came in."""

    def on_sctp(self, data: bytes, now_us: int) -> None:
        """A datagram came in that may be SCTP."""

    def on_sender_moved(self, event: SenderMoved, now_us: int) -> None:
        """The peer sends from somewhere else."""

    def on_unknown_ssrc(self, event: UnknownSsrc, now_us: int) -> None:
        """A packet came in that is of no stream, or of another than its SSRC."""

    def on_rtcp_delivered(self, packet: bytes) -> None:
        """A compound packet of ours is for the application."""

    def on_traffic_limited(self) -> None:
        """Control packets of the peer were dropped, being too many."""


class StreamOwner(Protocol):
    """What ``ReceiveStream.owner`` must answer to."""

    def on_nack_needed(self, now_us: int) -> None:
        """Packets are missing."""

    def on_key_frame_needed(self) -> None:
        """Only a key frame helps."""

    def on_key_frame_received(self) -> None:
        """One begins."""


class TracedOwner(Protocol):
    """What the ``owner`` of a producer or consumer must answer to that is traced."""

    def on_packet_traced(self, event: PacketTraced, now_us: int) -> None:
        """A packet came in or went out."""


class ProducerOwner(TracedOwner, Protocol):
    """What ``ProducerPlane.owner`` must answer to."""

    def on_video_orientation(self, event: VideoOrientationChanged) -> None:
        """The camera was turned."""


class ConsumerOwner(TracedOwner, Protocol):
    """What ``ConsumerPlane.owner`` must answer to."""

    def on_layers_switched(self, event: LayersSwitched) -> None:
        """Other layers are forwarded now."""

    def on_rtp_delivered(self, data: bytes) -> None:
        """A packet is for the application."""


class EstimateOwner(Protocol):
    """What ``OutgoingEstimate.owner`` must answer to."""

    def on_probation_traced(self, event: ProbationTraced) -> None:
        """A probation packet was sent."""


class TurnOwner(Protocol):
    """What ``OutgoingTurn.owner`` must answer to."""

    def on_bandwidth_due(self) -> None:
        """It is time to share out what may be sent."""

    def on_probation_due(self) -> None:
        """Probation packets are to be sent."""


class IncomingTurnOwner(Protocol):
    """What ``IncomingTurn.owner`` must answer to."""

    def on_remb_due(self, estimate_bps: int) -> None:
        """The sender is to be told what the way to us carries."""

    def on_limit_due(self) -> None:
        """The sender is to be told the controller's limit."""


class StunReceived(msgspec.Struct):
    """A STUN message (first byte 0..3, RFC 7983), from any address."""

    socket: Owned[SocketOwner]
    address: Address
    data: bytes


class DtlsReceived(msgspec.Struct):
    """A DTLS datagram (first byte 20..63) from an address that the transport accepts (``accept_from``)."""

    transport: Owned[TransportOwner]
    data: bytes


class SctpReceived:
    """A datagram from an accepted address that is neither STUN, DTLS, RTP nor RTCP.

    On plain and pipe transports that is SCTP over UDP; on others control throws it away.
    """

    __slots__ = ("data", "transport")

    def __init__(self, transport: Owned[TransportOwner], data: bytes) -> None:
        self.transport = transport
        self.data = data


class SenderMoved:
    """The peer sends RTP or DTLS from an accepted address that is not the destination (only with ``watch_sender``).

    Attributes:
        genuine: It was RTP, and SRTP let it pass; else it looks like the DTLS of the ``DtlsReceived`` that follows.
    """

    __slots__ = ("address", "genuine", "socket", "transport")

    def __init__(
        self, transport: Owned[TransportOwner], socket: Owned[SocketOwner], address: Address, genuine: bool
    ) -> None:
        self.transport = transport
        self.socket = socket
        self.address = address
        self.genuine = genuine


class TrafficLimited:
    """Control packets of the transport's peer were dropped, being too many (``TransportPlane.allowance``).

    At most one such event per transport and second.
    """

    __slots__ = ("transport",)

    def __init__(self, transport: Owned[TransportOwner]) -> None:
        self.transport = transport


class UnknownSender:
    """A datagram that is not STUN from an address nobody accepts, on a socket with ``report_unknown``."""

    __slots__ = ("address", "data", "socket")

    def __init__(self, socket: Owned[UdpOwner], address: Address, data: bytes) -> None:
        self.socket = socket
        self.address = address
        self.data = data


class UnknownSsrc:
    """An RTP packet (decrypted) whose SSRC no stream of its transport has, or whose MID is another than its stream's.

    Control either makes the stream (after it took the SSRC from the one that has it, or gave that one the MID) and
    passes ``packet`` and then each of ``later`` to ``TransportPlane.receive`` again, or calls
    ``TransportPlane.ignore_ssrc`` and passes ``later``, which may say something else. At most one such event per SSRC
    and wake-up; none for a packet that says what an ignored one said. Packets may not be left out: the sender could
    send them again, but SRTP takes an unchanged packet for a replay.

    Attributes:
        mid: of the header extension, "" when absent; likewise ``rid`` and ``repaired_rid``.
        later: further packets of the SSRC in the same wake-up; all SSRCs of a transport together at most 64.
    """

    __slots__ = ("later", "mid", "packet", "payload_type", "repaired_rid", "rid", "ssrc", "transport")

    def __init__(
        self,
        transport: Owned[TransportOwner],
        ssrc: int,
        payload_type: int,
        mid: str,
        rid: str,
        repaired_rid: str,
        packet: bytes,
    ) -> None:
        self.transport = transport
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.mid = mid
        self.rid = rid
        self.repaired_rid = repaired_rid
        self.packet = packet
        self.later: list[bytes] = []


class NackNeeded:
    """A gap was seen: ask ``ReceiveStream.poll_nack`` for the NACK to send once the packets are not just late."""

    __slots__ = ("stream",)

    def __init__(self, stream: Owned[StreamOwner]) -> None:
        self.stream = stream


class KeyFrameNeeded:
    """Too much is missing for NACK (or it gave up): ask the sender of the stream for a key frame."""

    __slots__ = ("stream",)

    def __init__(self, stream: Owned[StreamOwner]) -> None:
        self.stream = stream


class KeyFrameReceived:
    """The first packet of a key frame came in on the stream."""

    __slots__ = ("stream",)

    def __init__(self, stream: Owned[StreamOwner]) -> None:
        self.stream = stream


class LayersSwitched:
    """The layers that a consumer forwards are others now, with the packet that was just forwarded.

    Attributes:
        spatial: 0 the lowest; likewise ``temporal``.
    """

    __slots__ = ("consumer", "spatial", "temporal")

    def __init__(self, consumer: Owned[ConsumerOwner], spatial: int, temporal: int) -> None:
        self.consumer = consumer
        self.spatial = spatial
        self.temporal = temporal


class VideoOrientationChanged:
    """The coordination-of-video-orientation extension (3GPP TS 26.114) changed on the producer.

    Attributes:
        rotation: degrees: 0, 90, 180 or 270.
    """

    __slots__ = ("camera", "flip", "producer", "rotation")

    def __init__(self, producer: Owned[ProducerOwner], camera: bool, flip: bool, rotation: int) -> None:
        self.producer = producer
        self.camera = camera
        self.flip = flip
        self.rotation = rotation


class PacketTraced:
    """A packet of a producer or consumer whose ``trace_rtp`` (or ``trace_keyframe``) is on.

    Attributes:
        info: ``payloadType``, ``sequenceNumber``, ``timestamp``, ``marker``, ``ssrc``, ``size``, ``payloadSize`` and,
            where known, ``isKeyFrame``, ``spatialLayer``, ``temporalLayer``.
    """

    __slots__ = ("info", "is_key_frame", "is_rtx", "source")

    def __init__(
        self, source: Owned[TracedOwner], is_key_frame: bool, is_rtx: bool, info: dict[str, int | bool | str]
    ) -> None:
        self.source = source
        self.is_key_frame = is_key_frame
        self.is_rtx = is_rtx
        self.info = info


class ProbationTraced:
    """A probation packet was sent while it is traced; ``info`` as ``PacketTraced`` has it."""

    __slots__ = ("info", "source")

    def __init__(self, source: Owned[EstimateOwner], info: dict[str, int | bool | str]) -> None:
        self.source = source
        self.info = info


class BandwidthDue:
    """Control is to look at what a transport may send: about once a second, if it ``asks_control``."""

    __slots__ = ("turn",)

    def __init__(self, turn: Owned[TurnOwner]) -> None:
        self.turn = turn


class ProbationDue:
    """A transport's estimate wants to probe."""

    __slots__ = ("turn",)

    def __init__(self, turn: Owned[TurnOwner]) -> None:
        self.turn = turn


class RembDue:
    """A transport's sender is to be told what the way to us carries, in bit/s."""

    __slots__ = ("bitrate_bps", "turn")

    def __init__(self, turn: Owned[IncomingTurnOwner], bitrate_bps: int) -> None:
        self.turn = turn
        self.bitrate_bps = bitrate_bps


class LimitDue:
    """A transport's sender is to be told the controller's limit (``IncomingTurn.limit_due_us``)."""

    __slots__ = ("turn",)

    def __init__(self, turn: Owned[IncomingTurnOwner]) -> None:
        self.turn = turn


class RtpDelivered:
    """A packet for a consumer of a direct transport (``ConsumerPlane.deliver``)."""

    __slots__ = ("consumer", "data")

    def __init__(self, consumer: Owned[ConsumerOwner], data: bytes) -> None:
        self.consumer = consumer
        self.data = data


class RtcpDelivered:
    """A compound packet of reports for the application (``TransportReports``, direct transports)."""

    __slots__ = ("data", "transport")

    def __init__(self, transport: Owned[TransportOwner], data: bytes) -> None:
        self.transport = transport
        self.data = data


class ConnectionClosed:
    """The TCP peer closed, the connection failed, or its framing was broken (``reason``)."""

    __slots__ = ("connection", "reason")

    def __init__(self, connection: Owned[TcpOwner], reason: str) -> None:
        self.connection = connection
        self.reason = reason


Event = (
    StunReceived
    | DtlsReceived
    | RtcpEvent
    | SctpReceived
    | SenderMoved
    | TrafficLimited
    | UnknownSender
    | UnknownSsrc
    | NackNeeded
    | KeyFrameNeeded
    | KeyFrameReceived
    | LayersSwitched
    | VideoOrientationChanged
    | PacketTraced
    | ProbationTraced
    | BandwidthDue
    | ProbationDue
    | RembDue
    | LimitDue
    | RtpDelivered
    | RtcpDelivered
    | ConnectionClosed
)
