"""Types of ``probation.pyx``: packets that find out what the way to a peer carries."""

from miso.worker.dataplane.sockets.batch import Sender
from miso.worker.dataplane.transport.sending_half import SendingHalf

class ProbationStream(Sender):
    """The probation packets of one transport."""

    @property
    def closed(self) -> bool: ...
    def __init__(
        self, transport: SendingHalf, *, mid_id: int, abs_send_time_id: int, transport_wide_cc_id: int
    ) -> None:
        """The ids are those of header extensions, 0: not sent."""
    def close(self) -> None:
        """Sends nothing any more. Idempotent."""
