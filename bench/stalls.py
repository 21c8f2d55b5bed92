"""``python -m bench.stalls``: what control does with thousands of objects, its CPU, and how long media waits for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import median
from typing import Any

from bench import conclusion
from bench.command_line import command_parser
from bench.processes import cpu_ns
from bench.report import Compared
from bench.workers import Worker, accepted, add_arguments, chosen_workers
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreatePlainTransportRequest, ListenIp
from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    EncodingMapping,
    RtcpParameters,
    RtpEncodingParameters,
    RtpMapping,
    RtpParameters,
    RtxParameters,
)
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, ProduceRequest
from miso.worker.channel.bodies.worker import CloseRouterRequest, CreateRouterRequest
from miso.worker.channel.client_codec import Accepted
from miso.worker.channel.commands import Command
from native.extensions import build
from tests.harness.client import WorkerClient

EXPLANATION = """
The room: 100 people on plain transports, each sends 5 videos and gets 45 of others. CPU is the worker's, user and
system. "Media waits" is the worker's own histogram of how long what is due waits for its event loop (worker.getLoad):
the bound below which the longest wait of its ticks was, one every 20 ms. Each room has a worker of its own; CPU is the
median of the rooms, the wait the longest.
"""
LOCAL = "127.0.0.1"
DISCARD_PORT = 9
PRODUCERS, VIEWERS = 5, 9
STATS = 1000
GOAL_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Figure:
    """What one thing took: once, or the median of several times and the longest wait of all."""

    what: str
    cpu_ms: float
    waits_ms: float | None


class Crowd:
    """A worker with a room of some people."""

    def __init__(self, worker: Worker, people: int) -> None:
        self.client = WorkerClient(worker.command, worker.dialect, ["--logLevel=error"])
        self.people = people
        self.consumers: list[dict[str, str]] = []
        self._make_room()

    def ask(self, command: Command[Any, Any], internal: dict[str, str], body: Any = None) -> Any:
        """The answer. Raises ``RuntimeError`` when the worker refuses."""
        return self._data_of(command, self.client.send_request(command, internal, body))

    def ask_at_once(self, command: Command[Any, Any], internals: Sequence[dict[str, str]]) -> None:
        """Asks all before it reads the first answer."""
        asked = [self.client.send_request(command, internal) for internal in internals]
        for request_id in asked:
            self._data_of(command, request_id)

    def measure(self, what: str, work: Callable[[], object]) -> Figure:
        """Does something once."""
        waited, before_ns = self._waits(), cpu_ns(self.client.pid)
        work()
        used_ns, after = cpu_ns(self.client.pid) - before_ns, self._waits()
        return Figure(what, used_ns / 1e6, _longest_ms(waited, after))

    def _data_of(self, command: Command[Any, Any], request_id: int) -> Any:
        reply = self.client.reply_to(request_id)
        self.client.events.clear()
        return accepted(command, reply).data

    def _waits(self) -> dict[str, Any] | None:
        """The histogram; older workers than ours, and others, have none."""
        reply = self.client.request(commands.WORKER_GET_LOAD, {})
        if isinstance(reply, Accepted) and isinstance(reply.data, dict):
            return reply.data.get("loopDelay")
        return None

    def _make_room(self) -> None:
        self.ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="room"))
        for person in range(self.people):
            transport = {"routerId": "room", "transportId": f"transport-{person}"}
            body = CreatePlainTransportRequest(transport_id=transport["transportId"], listen_ip=ListenIp(ip=LOCAL))
            self.ask(commands.ROUTER_CREATE_PLAIN_TRANSPORT, {"routerId": "room"}, body)
            self.ask(commands.TRANSPORT_CONNECT, transport, ConnectRequest(ip=LOCAL, port=DISCARD_PORT))
            for number in range(PRODUCERS):
                self.ask(commands.TRANSPORT_PRODUCE, transport, _produce(person * PRODUCERS + number))
        for number in range(self.people * PRODUCERS):
            for viewer in range(VIEWERS):
                person = (number // PRODUCERS + 1 + viewer) % self.people
                self._consume(number, person, number * VIEWERS + viewer)

    def _consume(self, producer: int, person: int, number: int) -> None:
        ids = {"routerId": "room", "transportId": f"transport-{person}"}
        body = _consume(producer, number)
        self.ask(commands.TRANSPORT_CONSUME, ids, body)
        self.consumers.append({**ids, "consumerId": body.consumer_id, "producerId": body.producer_id})


def _codecs() -> Any:
    from bench.room import make_codecs  # compiled first

    return make_codecs("video/VP8")


def _produce(number: int) -> ProduceRequest:
    codecs, ssrc = _codecs(), 1_000_000 + 2 * number
    return ProduceRequest(
        producer_id=f"producer-{number}",
        kind="video",
        rtp_parameters=RtpParameters(
            mid=str(number % PRODUCERS),
            codecs=codecs,
            encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
            header_extensions=_extensions(),
            rtcp=RtcpParameters(cname="bench"),
        ),
        rtp_mapping=RtpMapping(
            codecs=[
                CodecMapping(payload_type=codec.payload_type, mapped_payload_type=codec.payload_type)
                for codec in codecs
            ],
            encodings=[EncodingMapping(ssrc=ssrc, mapped_ssrc=2_000_000 + number)],
        ),
    )


def _consume(producer: int, number: int) -> ConsumeRequest:
    ssrc = 3_000_000 + 2 * number
    return ConsumeRequest(
        consumer_id=f"consumer-{number}",
        producer_id=f"producer-{producer}",
        kind="video",
        type="simple",
        rtp_parameters=RtpParameters(
            mid=str(number),
            codecs=_codecs(),
            encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
            header_extensions=_extensions(),
            rtcp=RtcpParameters(cname="bench"),
        ),
        consumable_rtp_encodings=[RtpEncodingParameters(ssrc=2_000_000 + producer)],
    )


def _extensions() -> Any:
    from bench.room import HEADER_EXTENSIONS

    return HEADER_EXTENSIONS


def _longest_ms(before: dict[str, Any] | None, after: dict[str, Any] | None) -> float | None:
    """The bound of the longest wait between two reports; infinite beyond the last bound."""
    if before is None or after is None:
        return None
    bounds_us = [*after["boundsUs"], float("inf")]
    more = [now - then for now, then in zip(after["counts"], before["counts"], strict=True)]
    return max((bound for bound, count in zip(bounds_us, more, strict=True) if count), default=0) / 1000


@contextmanager
def crowd_of(worker: Worker, people: int) -> Iterator[Crowd]:
    """A worker that ends afterwards."""
    crowd = Crowd(worker, people)
    try:
        yield crowd
    finally:
        crowd.client.close()


def measure(worker: Worker, people: int) -> list[Figure]:
    """Each thing once."""
    room = {"routerId": "room"}
    producers = [
        {**room, "transportId": f"transport-{number // PRODUCERS}", "producerId": f"producer-{number}"}
        for number in range(people * PRODUCERS)
    ]
    with crowd_of(worker, people) as crowd:
        some = crowd.consumers[:STATS]
        stats, dump = commands.CONSUMER_GET_STATS, commands.CONSUMER_DUMP
        pause, resume = commands.PRODUCER_PAUSE, commands.PRODUCER_RESUME
        return [
            crowd.measure("dump of the router", lambda: crowd.ask(commands.ROUTER_DUMP, room)),
            crowd.measure(f"statistics of {len(some)} consumers", lambda: crowd.ask_at_once(stats, some)),
            crowd.measure(f"dumps of {len(some)} consumers", lambda: crowd.ask_at_once(dump, some)),
            crowd.measure(f"pause of {len(producers)} producers", lambda: crowd.ask_at_once(pause, producers)),
            crowd.measure(
                f"resumption of {len(producers)} producers",
                lambda: crowd.ask_at_once(resume, producers),
            ),
            crowd.measure(
                f"close of the router, {len(crowd.consumers)} consumers",
                lambda: crowd.ask(commands.ROUTER_CLOSE, room, CloseRouterRequest(router_id="room")),
            ),
        ]


def together(rooms: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Of several rooms, in which the same things were done."""
    return [
        Figure(
            each[0].what,
            median(figure.cpu_ms for figure in each),
            max((figure.waits_ms for figure in each if figure.waits_ms is not None), default=None),
        )
        for each in zip(*rooms, strict=True)
    ]


def report(figures: Sequence[Figure]) -> list[str]:
    """Markdown."""
    rows = ["| | CPU, ms | media waits less than, ms |", "|---|---|---|"]
    for figure in figures:
        waits = "–" if figure.waits_ms is None else f"{figure.waits_ms:g}"
        rows.append(f"| {figure.what} | {figure.cpu_ms:.1f} | {waits} |")
    return rows


def as_row(worker: str, figure: Figure) -> dict[str, Any]:
    """One figure; a wait beyond the histogram's last bound is null, as one that is not known: JSON has no infinity."""
    waits_ms = figure.waits_ms if figure.waits_ms is not None and isfinite(figure.waits_ms) else None
    return {"worker": worker, **asdict(figure), "waits_ms": waits_ms}


def compared(found: dict[str, list[Figure]]) -> list[Compared]:
    """CPU of all workers; the same things are done to each."""
    return [
        Compared(figures[0].what, "ms CPU", {worker: each.cpu_ms for worker, each in zip(found, figures, strict=True)})
        for figures in zip(*found.values(), strict=True)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes the JSON; exit code 1 with ``--check`` when closing takes longer than its goal."""
    parser = command_parser("bench.stalls", __doc__, EXPLANATION)
    add_arguments(parser)
    parser.add_argument("--people", type=int, default=GOAL_PEOPLE, help="in the room, at least 10 (default 100)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many rooms (default 5)")
    conclusion.add_arguments(parser, "bench.stalls")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("repeats must be greater than 0")
    if options.people <= VIEWERS:
        parser.error("expected at least 10 people")
    build(measuring=True)
    workers = chosen_workers(options)
    figures: dict[str, list[Figure]] = {}
    for worker in workers:
        figures[worker.name] = together([measure(worker, options.people) for _ in range(options.repeats)])
        print("\n".join([f"{worker.name}:", "", *report(figures[worker.name]), ""]), flush=True)
    close = figures[workers[0].name][-1]
    found = conclusion.Found(
        settings=conclusion.chosen(options, "people", "repeats"),
        rows=[as_row(worker, figure) for worker, each in figures.items() for figure in each],
        compared=compared(figures),
        shown={"close": close.cpu_ms} if options.people == GOAL_PEOPLE else {},
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
