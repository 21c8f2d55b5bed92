"""Types of ``sending_half.pyx``: where a transport's packets go."""

from miso.worker.dataplane.events import Address
from miso.worker.dataplane.plane import Plane
from miso.worker.dataplane.sockets.batch import Endpoint
from miso.worker.dataplane.transport.control_allowance import ControlAllowance
from miso.worker.rtp.rate import RateCalculator

class SendingHalf:
    """Destinations, keys, and what was sent."""

    encrypted: bool  # True: RTP and RTCP are dropped, in and out, until set_srtp
    connected: bool  # control's switch: while False no media passes, in or out (DTLS and SCTP events do)
    twcc_next: int  # transport-wide sequence number of the next outgoing packet that carries the extension
    @property
    def closed(self) -> bool: ...
    @property
    def allowance(self) -> ControlAllowance:
        """How many control packets of its peer are looked at."""
    @property
    def sent(self) -> RateCalculator:
        """All that goes out, as it is on the wire; RTP, RTX and probation below as they are before SRTP."""
    @property
    def rtp_sent(self) -> RateCalculator: ...
    @property
    def rtx_sent(self) -> RateCalculator: ...
    @property
    def probation_sent(self) -> RateCalculator: ...
    def __init__(self, plane: Plane, encrypted: bool) -> None: ...
    def set_destination(self, socket: Endpoint | None, address: Address | None) -> None:
        """Where RTP (and, without set_rtcp_destination, RTCP) goes; None: nowhere, packets are not sent."""
    def set_rtcp_destination(self, socket: Endpoint | None, address: Address | None) -> None:
        """Where RTCP goes instead of to the destination of RTP; None: there again."""
    def send(self, data: bytes) -> bool:
        """Sends a control datagram (DTLS, SCTP) to the destination, unprotected."""
    def send_rtcp(self, packet: bytes) -> bool:
        """Protects (when encrypted) and sends a compound RTCP packet. False when it could not be sent."""
    def count_sent(self, size: int, now_us: int) -> None:
        """Counts bytes that went to the application instead of the network (direct transports)."""
