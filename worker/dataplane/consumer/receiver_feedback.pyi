"""Types of ``receiver_feedback.pyx``: what the receiver says of a stream that a consumer sends."""

from miso.worker.dataplane.consumer.send_stream import SendStream
from miso.worker.dataplane.rtcp_events import FeedbackOwner
from miso.worker.dataplane.transport.feedback_taker import FeedbackTaker
from miso.worker.rtp.stream_score import StreamScore

class ReceiverFeedback(FeedbackTaker):
    """What the receiver of one stream says of it; the round-trip time goes to ``SendStream.rtt_ms``."""

    owner: FeedbackOwner | None
    trace_nack: bool  # whether control is to hear of each; likewise below
    trace_pli: bool
    trace_fir: bool
    @property
    def score(self) -> StreamScore:
        """How the stream fares by the reports."""
    @property
    def packets_lost(self) -> int:
        """By the last report; may be negative (RFC 3550 A.3)."""
    @property
    def fraction_lost(self) -> int:
        """Of the receiver's last interval, 0 to 255."""
    @property
    def nack_count(self) -> int:
        """NACKs that came while packets could flow."""
    @property
    def nack_packet_count(self) -> int:
        """Packets that they asked for."""
    @property
    def pli_count(self) -> int: ...
    @property
    def fir_count(self) -> int: ...
    def __init__(self, stream: SendStream) -> None: ...
