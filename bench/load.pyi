"""Types of ``load.pyx``."""

from collections.abc import Sequence

from bench.sinks import Sinks
from miso.worker.srtp_suite import SrtpSuite

class Sender:
    """See the source."""

    address: tuple[str, int]
    sent: int
    wanted: int
    refused: int
    packets_per_wanted: float
    key_frame_every: int

    def __init__(
        self,
        *,
        kind: str,
        ssrc: int,
        payload_type: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
        suite: SrtpSuite | None,
        key: bytes,
    ) -> None: ...
    def connect(self, address: tuple[str, int]) -> None: ...
    def copy_to(self, address: tuple[str, int]) -> None: ...
    def run(
        self,
        sinks: Sinks,
        seconds: float,
        packets_per_second: float,
        frame_packets: int,
        packet_size: int,
        in_bursts: bool,
    ) -> None: ...
    def close(self) -> None: ...

def send_in_turn(
    senders: Sequence[Sender],
    sinks: Sinks,
    seconds: float,
    packets_per_second: float,
    frame_packets: int,
    packet_size: int,
    in_bursts: bool,
) -> None: ...
