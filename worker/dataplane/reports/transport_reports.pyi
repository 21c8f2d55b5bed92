"""Types of ``transport_reports.pyx``: reports that a transport sends by itself."""

from miso.worker.dataplane.consumer.consumer import ConsumerPlane
from miso.worker.dataplane.producer.producer import ProducerPlane
from miso.worker.dataplane.rounds import Turn
from miso.worker.dataplane.transport.sending_half import SendingHalf
from miso.worker.rtcp.echo_clock import EchoClock

class ReceivedReport:
    def __init__(self, producer: ProducerPlane, interval_us: int) -> None: ...
    @property
    def producer(self) -> ProducerPlane: ...

class TransportReports(Turn):
    def __init__(self, transport: SendingHalf, *, is_direct: bool) -> None:
        """``is_direct``: packets are events instead of being sent."""
    @property
    def reference_time(self) -> EchoClock:
        """The receiver's clock, which its peer may tell (RFC 3611 section 4.4) and is then told again."""
    def add_sent(self, stream: ConsumerPlane, cname: bytes, clock_rate: int, interval_us: int) -> None:
        """Its receiver is told of the stream from now on, about every ``interval_us``.

        Raises ValueError for more than 255 bytes of CNAME.
        """
    def remove_sent(self, stream: ConsumerPlane) -> None:
        """Not any more; no effect when it is not told of."""
    def add_received(self, producer: ProducerPlane, interval_us: int) -> None:
        """The sender of its streams is told of them from now on, about every ``interval_us``."""
    def remove_received(self, producer: ProducerPlane) -> None:
        """Not any more; no effect when it is not told of."""
