"""A room into which guests come, one after the other, and the worker's CPU for each step of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from bench.joins.floor import handshake_us
from bench.room import HEADER_EXTENSIONS, make_codecs
from bench.workers import Worker
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import (
    CreatePlainTransportRequest,
    CreateWebRtcTransportWithServerRequest,
    ListenIp,
)
from miso.worker.channel.bodies.rtp import (
    CodecMapping,
    EncodingMapping,
    RtcpParameters,
    RtpEncodingParameters,
    RtpMapping,
    RtpParameters,
    RtxParameters,
)
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    ConsumeRequest,
    DtlsFingerprint,
    DtlsParameters,
    ProduceRequest,
)
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted, Refused
from miso.worker.channel.commands import Command
from tests.harness.client import ROOT, WorkerClient

STEPS = ("create", "connect", "handshake", "consume")
LOCAL = "127.0.0.1"
_ROUTER = {"routerId": "router"}
_PRODUCER_SSRC, _MAPPED_SSRC, _CONSUMER_SSRC = 1_000_000, 2_000_000, 3_000_000
_WARM_UP = 10  # guests whose joins do not count: modules are imported with the first
_KEY_FRAME = bytes([0x10, 0x00]) + bytes(200)  # VP8, whole in one packet
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
    """A worker with a WebRtcServer and a producer, and a process of guests.

    Attributes:
        joined: How many have shaken hands.
    """

    def __init__(self, worker: Worker) -> None:
        self.joined = 0
        self._count = 0
        self._codecs = make_codecs("video/VP8")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._guests = subprocess.Popen(
            [sys.executable, "-m", "bench.joins.guests"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._client = WorkerClient(worker.command, worker.dialect, ["--logLevel=error"])
        try:
            self._fingerprint = self._answer()
            self._set_up()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's."""
        return self._client.pid

    def close(self) -> None:
        """Ends both processes, the worker in peace, so that a profiler can write what it saw. Idempotent."""
        self._client.process.terminate()
        self._client.wait_for_exit()
        self._client.close()
        self._guests.kill()
        self._guests.wait()
        for pipe in (self._guests.stdin, self._guests.stdout):
            if pipe is not None:
                pipe.close()
        self._socket.close()

    def join(self, count: int, at_once: int = 1) -> tuple[dict[str, float], list[float]]:
        """Lets so many join, step by step: CPU in µs for each step, and for each guest's ``consume``.

        Of ``consume`` so many are asked before the first answer is waited for.
        """
        first, last = self._count, self._count + count
        self._count = last
        ids = range(first, last)
        transports: list[dict[str, Any]] = []
        spent = {"create": self._cpu_us(lambda: transports.extend(map(self._create, ids)))}
        for index, transport in zip(ids, transports, strict=True):
            self._tell_guest(index, transport)
        spent["connect"] = self._cpu_us(lambda: [*map(self._connect, ids)])
        spent["handshake"] = self._cpu_us(lambda: self._handshake(first, last))
        each: list[float] = []
        for begin in range(first, last, at_once):
            some = range(begin, min(begin + at_once, last))
            each += [self._cpu_us(lambda some=some: self._consume(some)) / len(some)] * len(some)  # type: ignore[misc]
        spent["consume"] = sum(each)
        return spent, each

    def send(self, count: int) -> int:
        """Sends so many packets to everybody; how many arrived."""
        for number in range(count):
            header = bytes([0x80, 0x80 | 101]) + number.to_bytes(2, "big") + (number * 3000).to_bytes(4, "big")
            self._socket.send(header + _PRODUCER_SSRC.to_bytes(4, "big") + _KEY_FRAME)
            time.sleep(_PACE_S)
        answer = self._say({"expect": count})
        return int(answer["arrived"]) - int(answer["other"])

    # ------------------------------------------------------------ steps

    def _create(self, index: int) -> dict[str, Any]:
        body = CreateWebRtcTransportWithServerRequest(transport_id=f"guest-{index}", web_rtc_server_id="server")
        created: dict[str, Any] = self._ask(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER, _ROUTER, body)
        return created

    def _connect(self, index: int) -> object:
        own = DtlsFingerprint(algorithm=self._fingerprint["algorithm"], value=self._fingerprint["value"])
        body = ConnectRequest(dtls_parameters=DtlsParameters(role="client", fingerprints=[own]))
        return self._ask(commands.TRANSPORT_CONNECT, {**_ROUTER, "transportId": f"guest-{index}"}, body)

    def _handshake(self, first: int, last: int) -> None:
        self.joined += self._say({"handshake": [first, last]})["done"]

    def _consume(self, ids: Iterable[int]) -> None:
        asked = [self._ask_to_consume(index) for index in ids]
        for request_id in asked:
            _check(commands.TRANSPORT_CONSUME, self._client.reply_to(request_id))

    def _ask_to_consume(self, index: int) -> int:
        ssrc = _CONSUMER_SSRC + 2 * index
        body = ConsumeRequest(
            consumer_id=f"consumer-{index}",
            producer_id="producer",
            kind="video",
            type="simple",
            rtp_parameters=self._parameters("0", ssrc),
            consumable_rtp_encodings=[RtpEncodingParameters(ssrc=_MAPPED_SSRC)],
        )
        internal = {**_ROUTER, "transportId": f"guest-{index}"}
        return self._client.send_request(commands.TRANSPORT_CONSUME, internal, body)

    # ------------------------------------------------------------ the room

    def _set_up(self) -> None:
        listen = [ListenInfo(protocol="udp", ip=LOCAL)]
        body = CreateWebRtcServerRequest(web_rtc_server_id="server", listen_infos=listen)
        self._ask(commands.WORKER_CREATE_WEB_RTC_SERVER, {}, body)
        self._ask(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        plain = CreatePlainTransportRequest(transport_id="sender", listen_ip=ListenIp(ip=LOCAL), comedia=True)
        created = self._ask(commands.ROUTER_CREATE_PLAIN_TRANSPORT, _ROUTER, plain)
        self._socket.connect((LOCAL, created["tuple"]["localPort"]))
        types = [codec.payload_type for codec in self._codecs]
        mapping = RtpMapping(
            codecs=[CodecMapping(payload_type=each, mapped_payload_type=each) for each in types],
            encodings=[EncodingMapping(ssrc=_PRODUCER_SSRC, mapped_ssrc=_MAPPED_SSRC)],
        )
        produce = ProduceRequest(
            producer_id="producer",
            kind="video",
            rtp_parameters=self._parameters("media", _PRODUCER_SSRC),
            rtp_mapping=mapping,
        )
        self._ask(commands.TRANSPORT_PRODUCE, {**_ROUTER, "transportId": "sender"}, produce)

    def _parameters(self, mid: str, ssrc: int) -> RtpParameters:
        return RtpParameters(
            mid=mid,
            codecs=self._codecs,
            encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
            header_extensions=HEADER_EXTENSIONS,
            rtcp=RtcpParameters(cname="bench"),
        )

    def _tell_guest(self, index: int, transport: dict[str, Any]) -> None:
        ice, (candidate, *_) = transport["iceParameters"], transport["iceCandidates"]
        fingerprint = next(
            each for each in transport["dtlsParameters"]["fingerprints"] if each["algorithm"] == "sha-256"
        )
        told = {
            "ufrag": ice["usernameFragment"],
            "password": ice["password"],
            "ip": candidate["ip"],
            "port": candidate["port"],
            "ssrc": _CONSUMER_SSRC + 2 * index,
        }
        self._say(told | fingerprint)

    def _cpu_us(self, work: Callable[[], object]) -> float:
        """CPU that the worker takes meanwhile, all its threads."""
        clock = ~self._client.pid << 3 | 2  # CPUCLOCK_SCHED of a process: clock_getcpuclockid(3)
        before_ns = time.clock_gettime_ns(clock)
        work()
        return (time.clock_gettime_ns(clock) - before_ns) / 1000

    def _ask(self, command: Command[Any, Any], internal: dict[str, str], body: Any) -> Any:
        return _check(command, self._client.request(command, internal, body)).data

    def _say(self, told: dict[str, Any]) -> dict[str, Any]:
        assert self._guests.stdin is not None
        self._guests.stdin.write(json.dumps(told) + "\n")
        self._guests.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._guests.stdout is not None
        answer: dict[str, Any] = json.loads(self._guests.stdout.readline())
        return answer


def _check(command: Command[Any, Any], reply: Accepted | Refused) -> Accepted:
    if isinstance(reply, Refused):
        raise RuntimeError(f"{command.name}: {reply.error}: {reply.reason}")
    return reply
