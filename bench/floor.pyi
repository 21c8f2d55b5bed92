"""Types of ``floor.pyx``."""

from bench.sinks import Sinks
from worker.dataplane.suites import SrtpSuite

class Floor:
    """See the source."""

    failed: int

    def __init__(self, sinks: Sinks, suite: SrtpSuite | None, key: bytes) -> None: ...
    def run(self, packets: int, packet_size: int) -> int: ...
    def close(self) -> None: ...
