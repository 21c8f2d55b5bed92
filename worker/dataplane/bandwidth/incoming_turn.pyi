"""Types of ``incoming_turn.pyx``: what a sender's congestion control is told about ten times a second."""

from miso.worker.dataplane.events import IncomingTurnOwner
from miso.worker.dataplane.rounds import Turn
from miso.worker.dataplane.transport.transport import TransportPlane

class IncomingTurn(Turn):
    """What one transport tells its sender."""

    owner: IncomingTurnOwner | None
    limit_due_us: int  # when the limit is to be told next, by ``LimitDue`` and each 1.5 s from then on; -1: never
    def __init__(self, transport: TransportPlane, *, is_direct: bool) -> None:
        """``is_direct``: packets are events instead of being sent."""
    @property
    def fraction_lost(self) -> float:
        """Of the sender's packets, 0.0 to 1.0, as transport-wide feedback told it; the latest weighs most."""
    def expect_media(self, now_us: int) -> None:
        """The sender may begin to send."""
