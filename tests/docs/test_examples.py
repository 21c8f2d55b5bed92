"""The programs in docs/examples do what they say, and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from miso.protoo import ClientOptions, ClientPeer, IncomingRequest, Notification, RequestError, Retry
from tests.demo.client import AUDIO
from tests.patience import PATIENCE_S
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PYTHON = (sys.executable, "-X", "dev", "-W", "error")
CAPABILITIES = {"codecs": [{"mimeType": "audio/opus", "preferredPayloadType": 100, "clockRate": 48000, "channels": 2}]}


def complaints(stderr: str) -> list[str]:
    """Without what asyncio's debug mode says of a busy machine: that something took over 0.1 s."""
    return [line for line in stderr.splitlines() if not re.match(r"Executing <.* took \d", line)]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed: `make test` says how to get it")
def test_record_takes_a_stream_in_and_records_it(tmp_path: Path) -> None:
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    clips = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i", "sine=440"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *clips, "-t", "3", "-c:v", "mpeg4", "-c:a", "aac", str(source)],
        check=True,
        timeout=60,
    )
    ran = subprocess.run(
        [*PYTHON, str(EXAMPLES / "record.py"), str(source), str(output)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, complaints(ran.stderr)) == (0, [])
    assert "audio arrives, score" in ran.stdout
    count = ["-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "json"]
    probed = subprocess.run(
        ["ffprobe", "-v", "error", *count, str(output)], check=True, capture_output=True, timeout=60
    )
    packets = {stream["codec_name"]: int(stream["nb_read_packets"]) for stream in json.loads(probed.stdout)["streams"]}
    assert packets["opus"] > 75
    assert packets["vp8"] > 25


@pytest.fixture
async def rooms() -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    port = free_ports()
    server = await asyncio.create_subprocess_exec(
        *PYTHON,
        str(EXAMPLES / "rooms.py"),
        str(port),
        env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    yield port, server
    if server.returncode is None:
        server.kill()
        await server.wait()


class Talker:
    """A client of the example."""

    def __init__(self, port: int, peer_id: str) -> None:
        url = f"ws://127.0.0.1:{port}/rooms/kitchen?peerId={peer_id}"
        retry = Retry(retries=100, min_delay_s=0.1, max_delay_s=0.2)
        self.peer = ClientPeer(url, ClientOptions(proxy=None, retry=retry))
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.peer.on("request", self._on_request)
        self.peer.on("notification", lambda news: self._take(news))
        self.peer.on("disconnected", lambda: self.told.put_nowait(("disconnected", None)))
        self.peer.on("open", lambda: self.told.put_nowait(("open", None)))

    def _on_request(self, request: IncomingRequest) -> None:
        self._take(request)
        request.accept()

    def _take(self, message: IncomingRequest | Notification) -> None:
        self.told.put_nowait((message.method, message.data))

    async def hears(self, method: str) -> Any:
        """The next such thing."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                name, data = await self.told.get()
                if name == method:
                    return data

    async def connect(self) -> Any:
        return await self.peer.request("connect", {"rtpCapabilities": CAPABILITIES})

    async def speak(self) -> None:
        await self.peer.request("speak", {"rtpParameters": AUDIO})


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_rooms_let_peers_hear_each_other_survive_a_worker_and_end_cleanly(
    rooms: tuple[int, asyncio.subprocess.Process],
) -> None:
    port, server = rooms
    early, late = Talker(port, "early"), Talker(port, "late")
    await early.peer.open()
    assert isinstance(await early.peer.request("capabilities"), dict)
    with pytest.raises(RequestError, match="not connected"):
        await early.speak()
    offer = await early.connect()
    assert offer["iceCandidates"]
    await early.speak()
    await late.peer.open()
    await late.connect()
    assert (await late.hears("hear"))["peerId"] == "early"
    await late.speak()
    assert (await early.hears("hear"))["peerId"] == "late"
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as web:
        assert (await web.get(f"http://127.0.0.1:{port}/health")).json() == {"rooms": {"kitchen": 2}}

    for child in children_of(server.pid):
        os.kill(child, signal.SIGKILL)
    await early.hears("disconnected")
    await early.hears("open")
    await early.connect()

    early_close = asyncio.create_task(early.peer.close())
    await late.peer.close()
    await early_close
    server.send_signal(signal.SIGTERM)
    _, said = await asyncio.wait_for(server.communicate(), PATIENCE_S)
    assert "died, its rooms close" in said.decode()
    assert "Traceback" not in said.decode()
    assert "was never retrieved" not in said.decode()
    assert server.returncode in (0, -signal.SIGTERM)
