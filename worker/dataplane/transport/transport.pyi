"""Types of ``transport.pyx``: a transport's half in the plane."""

from typing import Any

from miso.worker.dataplane.events import Address, Event
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.producer.producer import ProducerPlane
from miso.worker.dataplane.sockets.batch import Sender
from miso.worker.dataplane.sockets.tcp import TcpConnection
from miso.worker.dataplane.sockets.udp import UdpSocket
from miso.worker.dataplane.transport.control_allowance import ControlAllowance
from miso.worker.dataplane.transport.srtp_suite import SrtpSuite

class Receiver:
    """What the SSRC table of a transport leads to."""

    mid: bytes | None  # of packets that name another one control is asked; None: any are for it
    @property
    def rtx_ssrc(self) -> int:
        """0: none."""

class TransportPlane:
    """A transport's half in the plane: whom it hears, where it sends, its keys, and its SSRC table."""

    owner: Any
    @property
    def closed(self) -> bool: ...
    @property
    def allowance(self) -> ControlAllowance:
        """How many control packets of its peer are looked at."""
    @property
    def last_heard_us(self) -> int:
        """When RTP or RTCP that SRTP let pass last came from where we send to; 0: never."""
    encrypted: bool  # True: RTP and RTCP are dropped, in and out, until set_srtp
    connected: bool  # control's switch: while False no media passes, in or out (DTLS and SCTP events do)
    watch_sender: bool  # whether to tell when RTP or DTLS comes from another accepted address than we send to
    twcc_next: int  # transport-wide sequence number of the next outgoing packet that carries the extension
    max_incoming_bitrate_bps: int  # no REMB asks for more; 0: no limit
    # byte and packet counters, all since creation; the bitrates over the last 2.5 s come from bitrate()
    @property
    def bytes_received(self) -> int: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def rtp_bytes_received(self) -> int: ...
    @property
    def rtp_bytes_sent(self) -> int: ...
    @property
    def rtx_bytes_received(self) -> int: ...
    @property
    def rtx_bytes_sent(self) -> int: ...
    @property
    def probation_bytes_sent(self) -> int: ...
    def __init__(self, plane: Plane, encrypted: bool) -> None: ...
    def accept_from(self, socket: UdpSocket | TcpConnection, address: Address) -> None:
        """Datagrams of this remote address belong to this transport (several may be accepted)."""
    def stop_accepting(self, socket: UdpSocket | TcpConnection, address: Address) -> None: ...
    def set_destination(self, socket: UdpSocket | TcpConnection | None, address: Address | None) -> None:
        """Where RTP (and, without set_rtcp_destination, RTCP) goes; None: nowhere, packets are not sent."""
    def set_rtcp_destination(self, socket: UdpSocket | None, address: Address | None) -> None: ...
    def set_srtp(self, suite: SrtpSuite, remote_key: bytes, local_key: bytes) -> None:
        """Keys are master key followed by master salt (RFC 3711). Raises ValueError for wrong lengths."""
    def set_receive_extensions(
        self, *, mid: int = 0, rid: int = 0, repaired_rid: int = 0, abs_send_time: int = 0, transport_wide_cc: int = 0
    ) -> None:
        """Header-extension ids of what this transport receives, 0 = not used (RFC 8285)."""
    def receive(self, packet: bytes, now_us: int) -> list[Event]:
        """Feeds one decrypted RTP packet: again after UnknownSsrc, or the application's on a direct transport."""
    def count_received(self, size: int, now_us: int) -> None:
        """Counts bytes that came from the application instead of the network (direct transports)."""
    def count_sent(self, size: int, now_us: int) -> None:
        """Counts bytes that went to the application instead of the network (direct transports)."""
    def receive_protected(self, socket: UdpSocket, address: Address, data: bytes, now_us: int) -> list[Event]:
        """Feeds one datagram as it came: again after UnknownSender, once control has accepted the address."""
    def ignore_ssrc(self, ssrc: int) -> None:
        """No more UnknownSsrc for it while its packets say what the last one said, or until a new stream or producer.

        That is remembered of a bounded number of SSRCs.
        """
    def send(self, data: bytes) -> bool:
        """Sends a control datagram (DTLS, SCTP) to the destination, unprotected."""
    def send_rtcp(self, packet: bytes) -> bool:
        """Protects (when encrypted) and sends a compound RTCP packet. False when it could not be sent."""
    def enable_transport_wide_feedback(self, enabled: bool) -> None: ...
    def poll_transport_wide_feedback(self, now_us: int, sender_ssrc: int) -> list[bytes]:
        """The RTCP feedback packets (draft-holmer-rmcat-transport-wide-cc-extensions-01) due now, maybe none."""
    def enable_remb(self, enabled: bool) -> None: ...
    def poll_remb(self, now_us: int) -> int | None:
        """The receive-side estimate in bit/s when a REMB is due, else None."""
    def bitrate(self, which: str, now_us: int) -> int:
        """Bit/s of the last 2.5 s.

        The names are "received", "sent", "rtp_received", "rtp_sent", "rtx_received", "rtx_sent", "probation_sent".
        """
    def add_producer(self) -> ProducerPlane: ...
    def attach(self, child: ProducerPlane | Sender) -> None:
        """A producer or consumer is closed with this transport. Raises InvalidStateError when that is closed."""
    def detach(self, child: ProducerPlane | Sender) -> None:
        """The producer or consumer is closed."""
    def close(self) -> None: ...
