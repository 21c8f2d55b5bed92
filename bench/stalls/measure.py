"""A room of many people in a worker: what its control costs, and how long media waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.latency import Flow
from bench.processes import cpu_ns
from bench.room import HEADER_EXTENSIONS, LOCAL, make_codecs
from bench.workers import Worker, accepted
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
from miso.worker.channel.commands import Command
from tests.harness.client import WorkerClient

DISCARD_PORT = 9
PRODUCERS, VIEWERS = 5, 9
STATS = 1000
_CODECS = make_codecs("video/VP8")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one thing took: the median of several times, and how long media waited for it once."""

    what: str
    cpu_ms: float
    waits_ms: float


class Crowd:
    """A room of some people in a worker."""

    def __init__(self, client: WorkerClient, people: int) -> None:
        self.client = client
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

    def works(self) -> dict[str, Callable[[], object]]:
        """What is measured, in this order."""
        room = {"routerId": "room"}
        producers = [
            {**room, "transportId": f"person-{number // PRODUCERS}", "producerId": f"video-{number}"}
            for number in range(self.people * PRODUCERS)
        ]
        some = self.consumers[:STATS]
        close = CloseRouterRequest(router_id="room")
        return {
            "dump of the router": lambda: self.ask(commands.ROUTER_DUMP, room),
            f"statistics of {len(some)} consumers": lambda: self.ask_at_once(commands.CONSUMER_GET_STATS, some),
            f"dumps of {len(some)} consumers": lambda: self.ask_at_once(commands.CONSUMER_DUMP, some),
            f"pause of {len(producers)} producers": lambda: self.ask_at_once(commands.PRODUCER_PAUSE, producers),
            f"resumption of {len(producers)} producers": lambda: self.ask_at_once(commands.PRODUCER_RESUME, producers),
            f"close of the router, {len(self.consumers)} consumers": lambda: self.ask(
                commands.ROUTER_CLOSE, room, close
            ),
        }

    def _data_of(self, command: Command[Any, Any], request_id: int) -> Any:
        reply = self.client.reply_to(request_id)
        self.client.events.clear()
        return accepted(command, reply).data

    def _make_room(self) -> None:
        self.ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="room"))
        for person in range(self.people):
            transport = {"routerId": "room", "transportId": f"person-{person}"}
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
        ids = {"routerId": "room", "transportId": f"person-{person}"}
        body = _consume(producer, number)
        self.ask(commands.TRANSPORT_CONSUME, ids, body)
        self.consumers.append({**ids, "consumerId": body.consumer_id, "producerId": body.producer_id})


def _produce(number: int) -> ProduceRequest:
    codecs, ssrc = _CODECS, 1_000_000 + 2 * number
    return ProduceRequest(
        producer_id=f"video-{number}",
        kind="video",
        rtp_parameters=RtpParameters(
            mid=str(number % PRODUCERS),
            codecs=codecs,
            encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
            header_extensions=HEADER_EXTENSIONS,
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
        consumer_id=f"copy-{number}",
        producer_id=f"video-{producer}",
        kind="video",
        type="simple",
        rtp_parameters=RtpParameters(
            mid=str(number),
            codecs=_CODECS,
            encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
            header_extensions=HEADER_EXTENSIONS,
            rtcp=RtcpParameters(cname="bench"),
        ),
        consumable_rtp_encodings=[RtpEncodingParameters(ssrc=2_000_000 + producer)],
    )


def measure(worker: Worker, people: int, repeats: int) -> list[Figure]:
    """Each thing in so many rooms, and in one more beside media."""
    spent_ms: dict[str, list[float]] = {}
    for _ in range(repeats):
        with WorkerClient(worker.command, worker.dialect, ["--logLevel=error"]) as client:
            for what, work in Crowd(client, people).works().items():
                spent_ms.setdefault(what, []).append(_cpu_ms(client.pid, work))
    with Flow(worker) as flow:
        waits_ms = {what: flow.longest_ms(work) for what, work in Crowd(flow.client, people).works().items()}
    return [Figure(what, median(each), waits_ms[what]) for what, each in spent_ms.items()]


def _cpu_ms(pid: int, work: Callable[[], object]) -> float:
    before_ns = cpu_ns(pid)
    work()
    return (cpu_ns(pid) - before_ns) / 1e6
