"""A room into which guests come, one after the other, and the worker's CPU for each step of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from bench.joins.entrance import Entrance, video_parameters
from bench.joins.floor import handshake_us
from bench.processes import cpu_ns
from bench.room import LOCAL, MAPPED_SSRC, PRODUCER_SSRC, ROUTER
from bench.workers import Worker
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreatePlainTransportRequest, ListenIp
from miso.worker.channel.bodies.rtp import CodecMapping, EncodingMapping, RtpMapping
from miso.worker.channel.bodies.transport import ProduceRequest
from miso.worker.channel.bodies.worker import CreateRouterRequest
from tests.harness.client import WorkerClient

STEPS = ("create", "connect", "handshake", "consume")
_PRODUCER_ID = "producer"
_WARM_UP = 10  # guests whose joins do not count: modules are imported with the first
# VP8, whole in one packet; mediasoup-worker reads no descriptor that lacks the extension (RFC 7741 section 4.2)
_KEY_FRAME = bytes([0x90, 0x80, 0x80, 0x01]) + bytes([0x10, 0x00, 0x00, 0x9D, 0x01, 0x2A]) + bytes(200)
_PACE_S = 0.005


@dataclass
class Row:
    """What was measured of one worker.

    Attributes:
        worker: Its name.
        guests: How many joined in each run.
        steps_us: For each step and run, CPU for each guest.
        early_us: Of ``consume``, the first tenth of the guests, by run; ``late_us`` the last tenth.
        floor_us: What OpenSSL alone takes for the handshake, by run.
        joined: Guests who were connected, all runs together.
        arrived: Packets that they got and could decipher; ``expected`` so many were to come.
    """

    worker: str
    guests: int
    steps_us: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    early_us: list[float] = field(default_factory=list)
    late_us: list[float] = field(default_factory=list)
    floor_us: list[float] = field(default_factory=list)
    joined: int = 0
    arrived: int = 0
    expected: int = 0

    def join_us(self) -> list[float]:
        """All steps, by run."""
        return [sum(each) for each in zip(*self.steps_us.values(), strict=True)]


def measure(worker: Worker, guests: int, packets: int, repeats: int, at_once: int) -> Row:
    """Lets guests join a new worker each time; so many consumers are asked for at once."""
    row = Row(worker.name, guests)
    for _ in range(repeats):
        row.floor_us.append(handshake_us(guests))
        with closing(Meeting(worker)) as meeting:
            meeting.join(_WARM_UP)
            spent_us, consume_us = meeting.join(guests, at_once)
            for step in STEPS:
                row.steps_us[step].append(spent_us[step] / guests)
            tenth = max(guests // 10, 1)
            row.early_us.append(sum(consume_us[:tenth]) / tenth)
            row.late_us.append(sum(consume_us[-tenth:]) / tenth)
            row.joined += meeting.joined - _WARM_UP
            row.expected += packets * (guests + _WARM_UP)
            row.arrived += meeting.send(packets)
    return row


class Meeting:
    """A worker with a WebRtcServer and a producer, and a process of guests."""

    def __init__(self, worker: Worker) -> None:
        self._count = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._client = WorkerClient(worker.command, worker.dialect, ["--logLevel=error"])
        self._entrance = Entrance(self._client, _PRODUCER_ID)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._client.pid

    @property
    def joined(self) -> int:
        """How many guests have shaken hands."""
        return self._entrance.joined

    def close(self) -> None:
        """Ends both processes, the worker in peace, so that a profiler can write what it saw. Idempotent."""
        self._client.process.terminate()
        self._client.wait_for_exit()
        self._client.close()
        self._entrance.close()
        self._socket.close()

    def join(self, count: int, at_once: int = 1) -> tuple[dict[str, float], list[float]]:
        """Lets so many join, step by step: CPU in µs for each step, and for each guest's ``consume``.

        Of ``consume`` so many are asked before the first answer is waited for.
        """
        entrance = self._entrance
        first, last = self._count, self._count + count
        self._count = last
        ids = range(first, last)
        transports: list[dict[str, Any]] = []
        spent = {"create": self._cpu_us(lambda: transports.extend(map(entrance.create, ids)))}
        for index, transport in zip(ids, transports, strict=True):
            entrance.tell_guest(index, transport)
        spent["connect"] = self._cpu_us(lambda: [*map(entrance.connect, ids)])
        spent["handshake"] = self._cpu_us(lambda: entrance.handshake(first, last))
        each: list[float] = []
        for begin in range(first, last, at_once):
            some = range(begin, min(begin + at_once, last))
            each += [self._cpu_us(lambda some=some: entrance.consume(some)) / len(some)] * len(some)  # type: ignore[misc]
        spent["consume"] = sum(each)
        return spent, each

    def send(self, count: int) -> int:
        """Sends so many packets to everybody; how many arrived."""
        for number in range(count):
            header = bytes([0x80, 0x80 | 101]) + number.to_bytes(2, "big") + (number * 3000).to_bytes(4, "big")
            self._socket.send(header + PRODUCER_SSRC.to_bytes(4, "big") + _KEY_FRAME)
            time.sleep(_PACE_S)
        return self._entrance.receive(count)

    def _set_up(self) -> None:
        ask = self._entrance.ask
        ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        self._entrance.open()
        plain = CreatePlainTransportRequest(transport_id="sender", listen_ip=ListenIp(ip=LOCAL), comedia=True)
        created = ask(commands.ROUTER_CREATE_PLAIN_TRANSPORT, ROUTER, plain)
        self._socket.connect((LOCAL, created["tuple"]["localPort"]))
        parameters = video_parameters("media", PRODUCER_SSRC)
        types = [codec.payload_type for codec in parameters.codecs]
        mapping = RtpMapping(
            codecs=[CodecMapping(payload_type=each, mapped_payload_type=each) for each in types],
            encodings=[EncodingMapping(ssrc=PRODUCER_SSRC, mapped_ssrc=MAPPED_SSRC)],
        )
        produce = ProduceRequest(producer_id=_PRODUCER_ID, kind="video", rtp_parameters=parameters, rtp_mapping=mapping)
        ask(commands.TRANSPORT_PRODUCE, {**ROUTER, "transportId": "sender"}, produce)

    def _cpu_us(self, work: Callable[[], object]) -> float:
        """CPU that the worker takes meanwhile, all its threads."""
        before_ns = cpu_ns(self._client.pid)
        work()
        return (cpu_ns(self._client.pid) - before_ns) / 1000
