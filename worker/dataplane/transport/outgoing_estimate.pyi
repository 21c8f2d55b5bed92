"""Types of ``outgoing_estimate.pyx``: what the way to a peer carries."""

from miso.worker.dataplane.events import EstimateOwner
from miso.worker.dataplane.rounds import Turn
from miso.worker.dataplane.transport.sending_half import SendingHalf

class OutgoingEstimate(Turn):
    """What the way to a transport's peer carries (send-side estimate), and the probation packets that find it out.

    Consumers of the transport that stamp transport-wide numbers are remembered from now on. The ids are those of the
    header extensions in probation packets, 0: not sent.
    """

    owner: EstimateOwner | None
    @property
    def closed(self) -> bool: ...
    trace_probation: bool
    @property
    def bitrate_bps(self) -> int:
        """The estimate."""
    @property
    def fraction_lost(self) -> float:
        """Of the last second or so."""
    @property
    def rtt_ms(self) -> float:
        """By feedback, 0 while unknown."""
    def __init__(
        self,
        transport: SendingHalf,
        *,
        start_bitrate_bps: float,
        min_bitrate_bps: float,
        mid_id: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
    ) -> None: ...
    def tell_outside(self, low_bps: float, high_bps: float) -> None:
        """Feedback after which the estimate is not between these bitrates makes an ``EstimateChanged``."""
    def set_limits(self, min_bitrate_bps: float, max_bitrate_bps: float, probing: bool, now_us: int) -> None:
        """Keeps the estimate between two bitrates; ``probing`` when the peer is there and more is wanted."""
    def on_tick(self, now_us: int) -> None:
        """To be called about once a second, whether or not feedback comes."""
    def wants_probation(self) -> bool:
        """Whether its turn is to come now: it sends what is due, and comes again while probing goes on."""
    def close(self) -> None: ...
