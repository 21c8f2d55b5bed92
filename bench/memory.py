"""``python -m bench.memory``: resident memory of a worker, idle and for each consumer."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

from bench import conclusion
from bench.command_line import command_parser
from bench.report import Compared
from bench.workers import Worker, add_arguments, chosen_workers
from native.extensions import build
from tests.harness.client import WorkerClient, resident_kb

EXPLANATION = """
Idle is a worker that nothing was asked of yet. A consumer is what `python -m bench` measures, on a plain transport of
its own with AES_CM_128_HMAC_SHA1_80; what one takes is the difference between two rooms, divided by their difference
in consumers. The sender sends 100 packets of 1100 bytes a second. A guest is what `python -m bench.joins` lets join: a
WebRtcTransport that has shaken hands, with its consumer.
"""
SAME_FOR_S = 0.5
PACKETS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Figures:
    """Resident memory of one worker in kB."""

    worker: str
    idle: int
    quiet_consumer: float
    sending_consumer: float
    guest: float


def measure(worker: Worker, few: int, many: int, seconds: float) -> Figures:
    """Starts five workers, one after the other."""
    with WorkerClient(worker.command, worker.dialect) as client:
        idle = _settled_kb(client.pid)
    less, more = ((*_measure_room(worker, count, seconds), _measure_guests(worker, count)) for count in (few, many))
    each = [(high - low) / (many - few) for low, high in zip(less, more, strict=True)]
    return Figures(worker.name, idle, *each)


def _measure_guests(worker: Worker, guests: int) -> int:
    from bench.joins.measure import Meeting  # compiled first

    with closing(Meeting(worker)) as meeting:
        meeting.join(guests)
        if meeting.joined != guests:
            raise RuntimeError(f"{meeting.joined} of {guests} guests joined")
        return _settled_kb(meeting.pid)


def _measure_room(worker: Worker, receivers: int, seconds: float) -> tuple[int, int]:
    from bench.room import Room  # compiled first
    from miso.worker.srtp_suite import SrtpSuite

    with Room(worker.command, worker.dialect, SrtpSuite.AES_CM_128_HMAC_SHA1_80, receivers, "simple") as room:
        quiet = _settled_kb(room.pid)
        room.send(seconds=seconds, rate=PACKETS_PER_SECOND * receivers, late_s=0)
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
    """Measures, prints, and writes the JSON."""
    parser = command_parser("bench.memory", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("--few", type=int, default=20, help="consumers of the first room (default 20)")
    parser.add_argument("--many", type=int, default=220, help="consumers of the second room (default 220)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sending (default 4)")
    conclusion.add_arguments(parser, "bench.memory")
    options = parser.parse_args(arguments)
    if not 1 <= options.few < options.many or options.seconds <= 0:
        parser.error("expected 1 <= few < many, and seconds greater than 0")
    build(measuring=True)
    rows = []
    for worker in chosen_workers(options):
        rows.append(measure(worker, options.few, options.many, options.seconds))
        print(line(rows[-1], options.seconds), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "few", "many", "seconds"),
        rows=[asdict(row) for row in rows],
        compared=compared(rows),
        shown={"idle": rows[0].idle / 1000, "consumer": rows[0].sending_consumer, "webrtc": rows[0].guest},
    )
    return conclusion.conclude(options, arguments, found)


def line(row: Figures, seconds: float) -> str:
    """One worker's figures in words."""
    return (
        f"{row.worker}: {row.idle / 1000:.1f} MB idle; each consumer {row.quiet_consumer:.0f} kB, "
        f"{row.sending_consumer:.0f} kB after {seconds:g} s of video; each WebRtcTransport with one {row.guest:.0f} kB"
    )


def compared(rows: Sequence[Figures]) -> list[Compared]:
    """All figures, of all workers."""
    return [
        Compared("idle", "MB", {row.worker: row.idle / 1000 for row in rows}),
        Compared("a quiet consumer", "kB", {row.worker: row.quiet_consumer for row in rows}),
        Compared("a consumer after video", "kB", {row.worker: row.sending_consumer for row in rows}),
        Compared("a WebRtcTransport with a consumer", "kB", {row.worker: row.guest for row in rows}),
    ]


if __name__ == "__main__":
    sys.exit(main())
