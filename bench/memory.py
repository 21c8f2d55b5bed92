"""``python -m bench.memory``: resident memory of a worker, idle and for each consumer."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.command_line import command_parser
from miso.worker.channel.codec import Dialect
from native.extensions import build
from tests.harness.client import WorkerClient, resident_kb

EXPLANATION = """
Idle is a worker that nothing was asked of yet. A consumer is what `python -m bench` measures, on a plain transport of
its own with AES_CM_128_HMAC_SHA1_80; what one takes is the difference between two rooms, divided by their difference
in consumers. The sender sends 100 packets of 1100 bytes a second.
"""
SAME_FOR_S = 0.5
PACKETS_PER_SECOND = 100
PACKET_SIZE = 1100


@dataclass(frozen=True, slots=True)
class Figures:
    """Resident memory in kB."""

    idle: int
    per_quiet_consumer: float
    per_sending_consumer: float


def measure(command: Sequence[str], dialect: Dialect, few: int, many: int, seconds: float) -> Figures:
    """Starts three workers, one after the other."""
    with WorkerClient(command, dialect) as client:
        idle = _settled_kb(client.pid)
    quiet, sending = zip(*(_measure_room(command, dialect, count, seconds) for count in (few, many)), strict=True)
    return Figures(idle, (quiet[1] - quiet[0]) / (many - few), (sending[1] - sending[0]) / (many - few))


def _measure_room(command: Sequence[str], dialect: Dialect, receivers: int, seconds: float) -> tuple[int, int]:
    from bench.room import Room  # compiled first
    from miso.worker.srtp_suite import SrtpSuite

    with Room(command, dialect, SrtpSuite.AES_CM_128_HMAC_SHA1_80, receivers, "simple") as room:
        quiet = _settled_kb(room.pid)
        room.sender.run(
            room.sinks,
            seconds=seconds,
            packets_per_second=PACKETS_PER_SECOND,
            frame_packets=10,
            packet_size=PACKET_SIZE,
            in_bursts=False,
        )
        return quiet, resident_kb(room.pid)


def _settled_kb(pid: int) -> int:
    """Once it has not changed for a while: modules are imported after the worker has said that it runs."""
    last, since = resident_kb(pid), time.monotonic()
    while time.monotonic() - since < SAME_FOR_S:
        time.sleep(SAME_FOR_S / 10)
        now = resident_kb(pid)
        if now != last:
            last, since = now, time.monotonic()
    return last


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = command_parser("bench.memory", __doc__, EXPLANATION)
    parser.add_argument("--worker-bin", default=f"{sys.executable} -m miso.worker", help="command line (default: ours)")
    parser.add_argument("--dialect", choices=["3.10", "3.12"], default="3.10")
    parser.add_argument("--few", type=int, default=20, help="consumers of the first room (default 20)")
    parser.add_argument("--many", type=int, default=220, help="consumers of the second room (default 220)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sending (default 4)")
    options = parser.parse_args(arguments)
    if not 1 <= options.few < options.many or options.seconds <= 0:
        parser.error("expected 1 <= few < many, and seconds greater than 0")
    build(measuring=True)
    figures = measure(
        shlex.split(options.worker_bin), Dialect(options.dialect), options.few, options.many, options.seconds
    )
    print(
        f"{figures.idle / 1000:.1f} MB idle; each consumer {figures.per_quiet_consumer:.0f} kB, "
        f"{figures.per_sending_consumer:.0f} kB after {options.seconds:g} s of video"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
