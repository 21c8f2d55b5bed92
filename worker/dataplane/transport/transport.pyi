"""Types of ``transport.pyx``: a transport in the data plane."""

from typing import Protocol

from miso.worker.dataplane.events import Address, Event, TransportOwner
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.producer.producer import ProducerPlane
from miso.worker.dataplane.sockets.check_answer import CheckAnswer
from miso.worker.dataplane.transport.bandwidth_feedback import BandwidthFeedback
from miso.worker.dataplane.transport.sending_half import SendingHalf
from miso.worker.rtp.rate import RateCalculator
from miso.worker.srtp_suite import SrtpSuite

class _Accepting(Protocol):
    """A UDP socket or a TCP connection."""

    def bind_transport(self, address: Address, transport: TransportPlane) -> None: ...
    def unbind_transport(self, address: Address, transport: TransportPlane) -> None: ...

class TransportPlane(SendingHalf):
    """Whom a transport hears; where it sends is its ``SendingHalf``."""

    owner: TransportOwner | None
    announce_rtcp: bool  # whether to tell when RTCP comes, once
    takes_remb: bool  # whether to tell of each REMB
    watch_sender: bool  # whether to tell when RTP or DTLS comes from another accepted address than we send to
    @property
    def last_heard_us(self) -> int:
        """When RTP or RTCP that SRTP let pass last came from where we send to; 0: never."""
    @property
    def received(self) -> RateCalculator:
        """All that comes in, as it is on the wire; RTP and RTX below as they are without SRTP."""
    @property
    def rtp_received(self) -> RateCalculator: ...
    @property
    def rtx_received(self) -> RateCalculator: ...
    @property
    def srtp_failures(self) -> int:
        """Packets that SRTP did not let pass: of another key, changed on the way, or come twice."""
    @property
    def checks(self) -> CheckAnswer:
        """Answers connectivity checks over the selected tuple that change nothing."""
    @property
    def feedback(self) -> BandwidthFeedback:
        """What its peer's congestion control is told."""
    def __init__(self, plane: Plane, encrypted: bool) -> None: ...
    def accept_from(self, socket: _Accepting, address: Address) -> None:
        """Datagrams of this remote address belong to this transport (several may be accepted)."""
    def stop_accepting(self, socket: _Accepting, address: Address) -> None:
        """Takes ``accept_from`` back; no effect when the address is not accepted."""
    def set_srtp(self, suite: SrtpSuite, remote_key: bytes, local_key: bytes) -> None:
        """Keys are master key followed by master salt (RFC 3711).

        Raises:
            ValueError: A wrong length, or the local key is in use with another suite; nothing changes.
        """
    def set_receive_extensions(
        self, *, mid: int = 0, rid: int = 0, repaired_rid: int = 0, abs_send_time: int = 0, transport_wide_cc: int = 0
    ) -> None:
        """Header-extension ids of what this transport receives, 0 = not used (RFC 8285)."""
    def add_producer(self) -> ProducerPlane:
        """Makes a producer that receives from this transport. Raises InvalidStateError when it is closed."""
    def ignore_ssrc(self, ssrc: int) -> None:
        """No more UnknownSsrc for it while its packets say what the last one said, or until a new stream or producer.

        That is remembered of a bounded number of SSRCs.
        """
    def receive(self, packet: bytes, now_us: int) -> list[Event]:
        """Feeds one decrypted RTP packet: again after UnknownSsrc, or the application's on a direct transport."""
    def receive_protected(self, data: bytes, now_us: int) -> tuple[list[Event], bool]:
        """Feeds one datagram as it came: again after UnknownSender.

        Returns:
            The events, and whether it was RTP or RTCP that SRTP let pass.
        """
    def receive_rtcp(self, packet: bytes, now_us: int) -> list[Event]:
        """Feeds one decrypted compound RTCP packet: the application's on a direct transport."""
    def count_received(self, size: int, now_us: int) -> None:
        """Counts bytes that came from the application instead of the network (direct transports)."""
    def close(self) -> None:
        """Closes producers and consumers, gives the addresses back. Idempotent."""
