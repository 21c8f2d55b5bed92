"""How guests come into a worker's room and leave it: what is asked of the worker, and the process that they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from bench.room import CONSUMER_SSRC, HEADER_EXTENSIONS, LOCAL, MAPPED_SSRC, ROUTER, make_codecs
from bench.workers import accepted
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CloseTransportRequest, CreateWebRtcTransportWithServerRequest
from miso.worker.channel.bodies.rtp import RtcpParameters, RtpEncodingParameters, RtpParameters, RtxParameters
from miso.worker.channel.bodies.transport import ConnectRequest, ConsumeRequest, DtlsFingerprint, DtlsParameters
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.channel.commands import Command
from tests.harness.client import ROOT, WorkerClient

_CODECS = make_codecs("video/VP8")


class Entrance:
    """Guests of the router "router", who consume a producer of VP8, numbered from 0, in the order of ``create``.

    Attributes:
        joined: How many have shaken hands.
        left: How many have left.
    """

    def __init__(self, client: WorkerClient, producer_id: str) -> None:
        """Starts the process; ``client`` drives the worker."""
        self.joined = self.left = 0
        self._client = client
        self._producer_id = producer_id
        self._guests = subprocess.Popen(
            [sys.executable, "-m", "bench.joins.guests"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # in truth they are on other machines: they take no core from a worker of real-time priority
        os.sched_setscheduler(self._guests.pid, os.SCHED_OTHER, os.sched_param(0))

    def open(self) -> None:
        """Makes the WebRtcServer; guests may come then."""
        self._fingerprint = self._answer()
        listen = [ListenInfo(protocol="udp", ip=LOCAL)]
        body = CreateWebRtcServerRequest(web_rtc_server_id="server", listen_infos=listen)
        self.ask(commands.WORKER_CREATE_WEB_RTC_SERVER, {}, body)

    def close(self) -> None:
        """Ends the process. Idempotent."""
        self._guests.kill()
        self._guests.wait()
        for pipe in (self._guests.stdin, self._guests.stdout):
            if pipe is not None:
                pipe.close()

    def join(self, index: int) -> None:
        """All steps of one guest."""
        self.tell_guest(index, self.create(index))
        self.connect(index)
        self.handshake(index, index + 1)
        self.consume([index])

    def leave(self, index: int) -> None:
        """A guest is gone, and its transport is closed."""
        self._say({"leave": index})
        body = CloseTransportRequest(transport_id=f"guest-{index}")
        self.ask(commands.TRANSPORT_CLOSE, {**ROUTER, "transportId": body.transport_id}, body)
        self.left += 1

    # ------------------------------------------------------------ steps

    def create(self, index: int) -> dict[str, Any]:
        """The transport, as the worker tells of it."""
        body = CreateWebRtcTransportWithServerRequest(transport_id=f"guest-{index}", web_rtc_server_id="server")
        created: dict[str, Any] = self.ask(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER, ROUTER, body)
        return created

    def tell_guest(self, index: int, transport: dict[str, Any]) -> None:
        """What the guest needs of it."""
        ice, (candidate, *_) = transport["iceParameters"], transport["iceCandidates"]
        fingerprint = next(
            each for each in transport["dtlsParameters"]["fingerprints"] if each["algorithm"] == "sha-256"
        )
        told = {
            "ufrag": ice["usernameFragment"],
            "password": ice["password"],
            "ip": candidate["ip"],
            "port": candidate["port"],
            "ssrc": CONSUMER_SSRC + 2 * index,
        }
        self._say(told | fingerprint)

    def connect(self, index: int) -> object:
        """The worker hears the guest's fingerprint."""
        own = DtlsFingerprint(algorithm=self._fingerprint["algorithm"], value=self._fingerprint["value"])
        body = ConnectRequest(dtls_parameters=DtlsParameters(role="client", fingerprints=[own]))
        return self.ask(commands.TRANSPORT_CONNECT, {**ROUTER, "transportId": f"guest-{index}"}, body)

    def handshake(self, first: int, last: int) -> None:
        """ICE and DTLS of the guests from ``first`` to before ``last``."""
        self.joined += self._say({"handshake": [first, last]})["done"]

    def consume(self, ids: Iterable[int]) -> None:
        """All are asked for before the first answer is waited for."""
        asked = [self._ask_to_consume(index) for index in ids]
        for request_id in asked:
            accepted(commands.TRANSPORT_CONSUME, self._client.reply_to(request_id))

    def receive(self, count: int) -> int:
        """Every guest waits for so many packets; how many came and could be deciphered."""
        answer = self._say({"expect": count})
        return int(answer["arrived"]) - int(answer["other"])

    def ask(self, command: Command[Any, Any], internal: dict[str, str], body: Any) -> Any:
        """The worker's answer. Raises ``RuntimeError`` when it refuses."""
        return accepted(command, self._client.request(command, internal, body)).data

    def _ask_to_consume(self, index: int) -> int:
        body = ConsumeRequest(
            consumer_id=f"of-guest-{index}",
            producer_id=self._producer_id,
            kind="video",
            type="simple",
            rtp_parameters=video_parameters("0", CONSUMER_SSRC + 2 * index),
            consumable_rtp_encodings=[RtpEncodingParameters(ssrc=MAPPED_SSRC)],
        )
        internal = {**ROUTER, "transportId": f"guest-{index}"}
        return self._client.send_request(commands.TRANSPORT_CONSUME, internal, body)

    def _say(self, told: dict[str, Any]) -> dict[str, Any]:
        assert self._guests.stdin is not None
        self._guests.stdin.write(json.dumps(told) + "\n")
        self._guests.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._guests.stdout is not None
        answer: dict[str, Any] = json.loads(self._guests.stdout.readline())
        return answer


def video_parameters(mid: str, ssrc: int) -> RtpParameters:
    """Of a producer or consumer of VP8."""
    return RtpParameters(
        mid=mid,
        codecs=_CODECS,
        encodings=[RtpEncodingParameters(ssrc=ssrc, rtx=RtxParameters(ssrc=ssrc + 1))],
        header_extensions=HEADER_EXTENSIONS,
        rtcp=RtcpParameters(cname="bench"),
    )
