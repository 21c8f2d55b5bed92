"""Types of ``sent_report.pyx``: what the receiver of a stream is told of it."""

from miso.worker.dataplane.consumer.consumer import ConsumerPlane

class SentReport:
    def __init__(self, stream: ConsumerPlane, cname: bytes, clock_rate: int, interval_us: int) -> None:
        """Raises ValueError for more than 255 bytes of CNAME."""
    @property
    def stream(self) -> ConsumerPlane: ...
