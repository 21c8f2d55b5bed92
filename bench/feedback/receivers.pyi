"""Types of ``receivers.pyx``."""

from collections.abc import Iterable, Sequence

from bench.sinks import Sinks
from miso.worker.srtp_suite import SrtpSuite

class Receivers(Sinks):
    """See the source."""

    speaking: bool
    feedback_sent: int
    reports_sent: int
    refused: int
    told: int

    def connect(
        self,
        ways: Sequence[tuple[int, bytes]],
        ssrcs: Iterable[int],
        suite: SrtpSuite | None,
        transport_wide_cc_id: int,
    ) -> None: ...
