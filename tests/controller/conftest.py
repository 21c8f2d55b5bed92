"""Workers for the controller's tests, each a real process: scripted ones (``fake_worker``), and Miso's own."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from miso.controller import Router, Worker, create_worker

Script = dict[str, list[dict[str, Any]]]

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")

TUPLE = {"localIp": "127.0.0.1", "localPort": 4443, "protocol": "udp"}
TRANSPORT = {
    "id": "$transportId",
    "direct": False,
    "producerIds": [],
    "consumerIds": [],
    "mapSsrcConsumerId": {},
    "mapRtxSsrcConsumerId": {},
    "dataProducerIds": [],
    "dataConsumerIds": [],
    "recvRtpHeaderExtensions": {},
    "rtpListener": {"ssrcTable": {}, "midTable": {}, "ridTable": {}},
    "maxMessageSize": 262144,
    "traceEventTypes": "",
}
SCTP = {
    "sctpParameters": {
        "port": 5000,
        "OS": 3,
        "MIS": 3,
        "maxMessageSize": 262144,
        "sendBufferSize": 262144,
        "sctpBufferedAmount": 0,
        "isDataChannel": True,
    },
    "sctpState": "new",
    "sctpListener": {"streamIdTable": {}},
}
WEB_RTC_TRANSPORT = {
    **TRANSPORT,
    **SCTP,
    "iceRole": "controlled",
    "iceParameters": {"usernameFragment": "ufrag", "password": "password", "iceLite": True},
    "iceCandidates": [
        {
            "foundation": "udpcandidate",
            "priority": 1076302079,
            "ip": "127.0.0.1",
            "protocol": "udp",
            "port": 4443,
            "type": "host",
        }
    ],
    "iceState": "new",
    "dtlsParameters": {"fingerprints": [{"algorithm": "sha-256", "value": "82:5A:68"}], "role": "auto"},
    "dtlsState": "new",
}
CONSUMER = {
    "paused": False,
    "producerPaused": False,
    "score": {"score": 10, "producerScore": 10, "producerScores": []},
}
DATA_PRODUCER = {"id": "$dataProducerId", "type": "sctp", "label": "", "protocol": ""}
DATA_CONSUMER = {
    "id": "$dataConsumerId",
    "type": "sctp",
    "dataProducerId": "$dataProducerId",
    "label": "",
    "protocol": "",
    "bufferedAmountLowThreshold": 0,
}

ANSWERS: Script = {
    "router.createWebRtcTransport": [{"reply": WEB_RTC_TRANSPORT}],
    "router.createWebRtcTransportWithServer": [{"reply": WEB_RTC_TRANSPORT}],
    "router.createPlainTransport": [{"reply": {**TRANSPORT, "rtcpMux": True, "comedia": False, "tuple": TUPLE}}],
    "router.createPipeTransport": [{"reply": {**TRANSPORT, **SCTP, "rtx": False, "tuple": TUPLE}}],
    "router.createDirectTransport": [{"reply": {**TRANSPORT, "direct": True}}],
    "transport.connect": [{"reply": {"dtlsLocalRole": "client", "tuple": {**TUPLE, "remoteIp": "1.2.3.4"}}}],
    "transport.restartIce": [
        {"reply": {"iceParameters": {"usernameFragment": "new", "password": "new", "iceLite": True}}}
    ],
    "transport.produce": [{"reply": {"type": "simple"}}],
    "transport.consume": [{"reply": CONSUMER}],
    "transport.produceData": [{"reply": DATA_PRODUCER}],
    "transport.consumeData": [{"reply": DATA_CONSUMER}],
    "consumer.setPriority": [{"reply": {"priority": 2}}],
    "dataConsumer.getBufferedAmount": [{"reply": {"bufferedAmount": 1234}}],
}
"""What a worker says when all goes well."""


class FakeWorker:
    """A program that starts a scripted worker, and what that worker was told."""

    def __init__(self, directory: Path, script: Script) -> None:
        self.path = directory / f"worker-{len(list(directory.iterdir()))}"
        self._log = self.path.with_suffix(".log")
        steps = shlex.quote(json.dumps({**ANSWERS, **script}))
        self.path.write_text(
            f"#!/bin/sh\nexport FAKE_WORKER_SCRIPT={steps} FAKE_WORKER_LOG={self._log}\n"
            f'exec {sys.executable} -S {FAKE_WORKER} "$@"\n'
        )
        self.path.chmod(0o755)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """All messages so far; the first one tells how it was started."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def heard_of(self, method: str) -> list[dict[str, Any]]:
        """The requests of that method so far."""
        return [message for message in self.heard if message.get("method") == method]


@pytest.fixture
def fake_worker(tmp_path: Path) -> Callable[..., FakeWorker]:
    """Makes scripted workers: ``fake_worker({"router.dump": [{"error": ["Error", "no"]}]})``."""

    def make(script: Script | None = None) -> FakeWorker:
        return FakeWorker(tmp_path, script or {})

    return make


StartWorker = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def start_worker(fake_worker: Callable[..., FakeWorker]) -> AsyncIterator[StartWorker]:
    """Starts scripted workers; what they hear is at ``worker.app_data["fake"]``."""
    workers = []

    async def start(script: Script | None = None) -> Worker:
        fake = fake_worker(script)
        worker = await create_worker(worker_bin=fake.path, app_data={"fake": fake})
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.close()
        await worker.wait_closed()


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """Miso's own worker."""
    worker = await create_worker(log_level="warn")
    yield worker
    worker.close()
    await worker.wait_closed()


MEDIA_CODECS: list[dict[str, object]] = [
    {"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2},
    {"kind": "video", "mimeType": "video/VP8", "clockRate": 90000},
]

AUDIO: dict[str, Any] = {
    "mid": "AUDIO",
    "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
    "encodings": [{"ssrc": 11111111}],
}
VIDEO: dict[str, Any] = {
    "mid": "VIDEO",
    "codecs": [
        {"mimeType": "video/VP8", "payloadType": 112, "clockRate": 90000},
        {"mimeType": "video/rtx", "payloadType": 113, "clockRate": 90000, "parameters": {"apt": 112}},
    ],
    "encodings": [{"ssrc": 22222222, "rtx": {"ssrc": 22222223}}],
    "rtcp": {"cname": "FOOBAR"},
}


@pytest.fixture
async def router(start_worker: StartWorker) -> Router:
    """A router in a scripted worker where all goes well."""
    return await (await start_worker()).create_router(media_codecs=MEDIA_CODECS)
