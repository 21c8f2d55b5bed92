"""What the plane tells control: one list per wake-up, made only of what control must see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miso.worker.dataplane.consumer.consumer import ConsumerPlane
    from miso.worker.dataplane.producer.producer import ProducerPlane
    from miso.worker.dataplane.producer.receive_stream import ReceiveStream
    from miso.worker.dataplane.sockets.tcp import TcpConnection
    from miso.worker.dataplane.sockets.udp import UdpSocket
    from miso.worker.dataplane.transport.outgoing_estimate import OutgoingEstimate
    from miso.worker.dataplane.transport.transport import TransportPlane

Address = tuple[str, int]


class StunReceived:
    """A STUN message (first byte 0..3, RFC 7983), from any address."""

    __slots__ = ("address", "data", "socket")

    def __init__(self, socket: UdpSocket | TcpConnection, address: Address, data: bytes) -> None:
        self.socket = socket
        self.address = address
        self.data = data


class DtlsReceived:
    """A DTLS datagram (first byte 20..63) from an address that the transport accepts (``accept_from``)."""

    __slots__ = ("data", "transport")

    def __init__(self, transport: TransportPlane, data: bytes) -> None:
        self.transport = transport
        self.data = data


class RtcpReceived:
    """A compound RTCP packet, decrypted, from an accepted address."""

    __slots__ = ("data", "transport")

    def __init__(self, transport: TransportPlane, data: bytes) -> None:
        self.transport = transport
        self.data = data


class SctpReceived:
    """A datagram from an accepted address that is neither STUN, DTLS, RTP nor RTCP.

    On plain and pipe transports that is SCTP over UDP; on others control throws it away.
    """

    __slots__ = ("data", "transport")

    def __init__(self, transport: TransportPlane, data: bytes) -> None:
        self.transport = transport
        self.data = data


class SenderMoved:
    """The peer sends RTP or DTLS from an accepted address that is not the destination (only with ``watch_sender``).

    Attributes:
        genuine: It was RTP, and SRTP let it pass; else it looks like the DTLS of the ``DtlsReceived`` that follows.
    """

    __slots__ = ("address", "genuine", "socket", "transport")

    def __init__(
        self, transport: TransportPlane, socket: UdpSocket | TcpConnection, address: Address, genuine: bool
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

    def __init__(self, transport: TransportPlane) -> None:
        self.transport = transport


class UnknownSender:
    """A datagram that is not STUN from an address nobody accepts, on a socket with ``report_unknown``."""

    __slots__ = ("address", "data", "socket")

    def __init__(self, socket: UdpSocket, address: Address, data: bytes) -> None:
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
        transport: TransportPlane,
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

    def __init__(self, stream: ReceiveStream) -> None:
        self.stream = stream


class KeyFrameNeeded:
    """Too much is missing for NACK (or it gave up): ask the sender of the stream for a key frame."""

    __slots__ = ("stream",)

    def __init__(self, stream: ReceiveStream) -> None:
        self.stream = stream


class KeyFrameReceived:
    """The first packet of a key frame came in on the stream."""

    __slots__ = ("stream",)

    def __init__(self, stream: ReceiveStream) -> None:
        self.stream = stream


class LayersSwitched:
    """The layers that a consumer forwards are others now, with the packet that was just forwarded.

    Attributes:
        spatial: 0 the lowest; likewise ``temporal``.
    """

    __slots__ = ("consumer", "spatial", "temporal")

    def __init__(self, consumer: ConsumerPlane, spatial: int, temporal: int) -> None:
        self.consumer = consumer
        self.spatial = spatial
        self.temporal = temporal


class VideoOrientationChanged:
    """The coordination-of-video-orientation extension (3GPP TS 26.114) changed on the producer.

    Attributes:
        rotation: degrees: 0, 90, 180 or 270.
    """

    __slots__ = ("camera", "flip", "producer", "rotation")

    def __init__(self, producer: ProducerPlane, camera: bool, flip: bool, rotation: int) -> None:
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
        self, source: ProducerPlane | ConsumerPlane, is_key_frame: bool, is_rtx: bool, info: dict[str, int | bool | str]
    ) -> None:
        self.source = source
        self.is_key_frame = is_key_frame
        self.is_rtx = is_rtx
        self.info = info


class ProbationTraced:
    """A probation packet was sent while it is traced; ``info`` as ``PacketTraced`` has it."""

    __slots__ = ("info", "source")

    def __init__(self, source: OutgoingEstimate, info: dict[str, int | bool | str]) -> None:
        self.source = source
        self.info = info


class RtpDelivered:
    """A packet for a consumer of a direct transport (``ConsumerPlane.deliver``)."""

    __slots__ = ("consumer", "data")

    def __init__(self, consumer: ConsumerPlane, data: bytes) -> None:
        self.consumer = consumer
        self.data = data


class ConnectionClosed:
    """The TCP peer closed, the connection failed, or its framing was broken (``reason``)."""

    __slots__ = ("connection", "reason")

    def __init__(self, connection: TcpConnection, reason: str) -> None:
        self.connection = connection
        self.reason = reason


Event = (
    StunReceived
    | DtlsReceived
    | RtcpReceived
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
    | RtpDelivered
    | ConnectionClosed
)
