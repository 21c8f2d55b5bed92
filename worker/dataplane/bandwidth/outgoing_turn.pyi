"""Types of ``outgoing_turn.pyx``: the look at what may be sent that each transport takes about once a second."""

from miso.worker.dataplane.bandwidth.desired_trend import DesiredTrend
from miso.worker.dataplane.consumer.consumer import ConsumerPlane
from miso.worker.dataplane.events import TurnOwner
from miso.worker.dataplane.rounds import Turn
from miso.worker.dataplane.transport.outgoing_estimate import OutgoingEstimate
from miso.worker.dataplane.transport.sending_half import SendingHalf

class WholeStream:
    """A consumer of all that a producer's only stream brings."""

    def __init__(self, consumer: ConsumerPlane, max_bps: int) -> None: ...
    @property
    def consumer(self) -> ConsumerPlane: ...

class OutgoingTurn(Turn):
    """What one transport may send, and desires to send; the attributes are described in the class."""

    owner: TurnOwner | None
    estimate: OutgoingEstimate | None  # by transport-wide feedback; None: the receiver tells its own
    min_bps: int  # the controller's limits, 0 for none
    max_bps: int
    remb_bps: int  # what the receiver told last
    connected: bool  # the receiver is there, and something is estimated
    asks_control: bool  # control is to look at it each time, by ``BandwidthDue``
    def __init__(self, transport: SendingHalf, initial_bps: int) -> None: ...
    @property
    def desired_bps(self) -> int:
        """What would be sent without limit, as of the last look."""
    @property
    def limit_bps(self) -> int:
        """What the estimate is kept below; 0 before there was a receiver."""
    @property
    def told_bps(self) -> int:
        """What might be sent as it was told last."""
    @property
    def trend(self) -> DesiredTrend:
        """Of what is desired."""
    @property
    def lowest_bps(self) -> int:
        """What may be sent in any case."""
    @property
    def available_bps(self) -> int:
        """What may be sent, 0 before there was a receiver."""
    def add_whole(self, consumer: ConsumerPlane, max_bps: int) -> None:
        """A consumer of a producer's only stream came, which was promised so much (0: nothing)."""
    def remove_whole(self, consumer: ConsumerPlane) -> None:
        """It is gone; no effect when it was not there."""
    def whole_bps(self, now_us: int) -> int:
        """What the consumers of whole streams desire."""
    def take_desired(self, desired_bps: int, now_us: int, force: bool) -> None:
        """So much is desired by all; ``force``: it fell for good. The estimate's limits follow."""
    def apply_limits(self, now_us: int) -> None:
        """The controller's limits, or whether the receiver is there, have changed."""
    def keep_told(self) -> None:
        """What is available now was told to whoever wants to know."""
    def begin_second(self, now_us: int) -> None:
        """The next look is to be a second from now."""
    def is_told(self) -> bool:
        """Whether what is available is near what was told last."""
