"""Types of ``receive_stream.pyx``: what comes with one SSRC."""

from miso.worker.dataplane.events import StreamOwner
from miso.worker.dataplane.producer.rtp_mapping import RtpMapping
from miso.worker.dataplane.transport.receiving_half import ReceivingHalf
from miso.worker.rtcp.echo_clock import EchoClock
from miso.worker.rtcp.sender_clock import SenderClock
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_rates import LayerRates
from miso.worker.rtp.receive_stats import ReceiveStats

class ReceiveStream:
    """What is received with one SSRC: statistics of RFC 3550, loss repair, the retransmission buffer's packets."""

    owner: StreamOwner | None
    mid: bytes | None  # of packets that name another one control is asked; None: any are for it
    @property
    def rtx_ssrc(self) -> int:
        """0: none."""
    @property
    def stats(self) -> ReceiveStats:
        """Of the packets with its own SSRC."""
    @property
    def rtx_stats(self) -> ReceiveStats | None:
        """Of those with the SSRC that repairs it; None: nothing does."""
    @property
    def rates(self) -> LayerRates:
        """Of all packets, those that came by retransmission included."""
    def __init__(
        self,
        producer: object,
        receiving: ReceivingHalf,
        mapping: RtpMapping,
        index: int,
        ssrc: int,
        mapped_ssrc: int,
        codec: Codec,
        payload_type: int,
        clock_rate: int,
        use_nack: bool,
        use_pli: bool,
        spatial_layers: int,
        temporal_layers: int,
    ) -> None:
        """For ``ProducerPlane.add_stream``, which says what these are."""
    @property
    def closed(self) -> bool: ...
    @property
    def ssrc(self) -> int: ...
    @property
    def mapped_ssrc(self) -> int: ...
    rtt_ms: float  # control sets it from SR/RR or XR, 0 while unknown
    @property
    def packets_recovered(self) -> int:
        """Lost, and received by retransmission on the RTX SSRC."""
    @property
    def bytes_recovered(self) -> int:
        """Of those packets, as they would have come the first time."""
    @property
    def packets_repaired(self) -> int: ...
    @property
    def packets_retransmitted(self) -> int: ...
    @property
    def packets_duplicate(self) -> int: ...
    @property
    def nack_count(self) -> int: ...
    @property
    def nack_packet_count(self) -> int: ...
    def set_rtx(self, ssrc: int, payload_type: int) -> None: ...
    def clear_rtx(self) -> None:
        """Nothing repairs this stream any more, until ``set_rtx``."""
    @property
    def missing(self) -> int:
        """Packets that are being asked for: while there are any, poll_nack wants to be called."""
    def poll_nack(self, now_us: int) -> list[int]:
        """Sequence numbers to ask for again now; empty when none. Ask ``take_key_frame_needed`` after it."""
    def take_key_frame_needed(self) -> bool:
        """Whether ``poll_nack`` has given something up that only a key frame replaces; False from then on."""
    @property
    def sender_report_ntp(self) -> int:
        """64-bit NTP time of the last sender_report, 0 before; likewise below."""
    @property
    def sender_report_timestamp(self) -> int:
        """On the line of the forwarded timestamps, which goes on where the sender sets its clock anew."""
    @property
    def sender_report_us(self) -> int: ...
    tells_worst_loss: (
        bool  # reports tell the sender what the worst of the receivers loses, when that is more than we do
    )
    @property
    def last_report(self) -> EchoClock:
        """What the sender's last report is answered with; likewise below."""
    @property
    def last_rtx_report(self) -> EchoClock: ...
    def set_sender_clock(self, clock: SenderClock) -> None:
        """Whose wall clock the reports of the stream tell; it is told first of each report."""
    def sender_report(self, ntp: int, rtp_timestamp: int, now_us: int) -> bool:
        """Which RTP timestamp belongs to which NTP time (RFC 3550 section 6.4.1).

        Kept on the line of the forwarded timestamps. False, without effect: no packet has come of that clock.
        """
    def reset(self) -> None:
        """Forgets missing packets (after a pause)."""
    def close(self) -> None: ...
