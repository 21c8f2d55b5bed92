"""Types of ``floor.pyx``."""

from miso.worker.srtp_suite import SrtpSuite

class Floor:
    """See the source."""

    failed: int

    def __init__(self, ports: list[int], suite: SrtpSuite | None, key: bytes) -> None: ...
    def run(self, packets: int, packet_size: int, packets_per_second: float) -> int: ...
    def close(self) -> None: ...
