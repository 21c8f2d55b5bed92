"""ffmpeg broadcasts into a room by the example, and another ffmpeg records what the room has of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from pathlib import Path
from typing import Any

import httpx
import pytest

from miso.demo.server import DemoServer
from tests.demo.client import RTP_CAPABILITIES, RoomClient
from tests.demo.conftest import ws_url

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60.0
RECORDED_S = 6.0
"""ffmpeg as a sender hears no key frame request: up to two seconds pass before its next key frame."""


async def post(http: httpx.AsyncClient, path: str, body: object) -> Any:
    response = await http.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json() if response.content else None


def free_port_pair() -> int:
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as rtp, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
            rtp.bind(("127.0.0.1", 0))
            port: int = rtp.getsockname()[1]
            if port % 2 == 0:
                try:
                    rtcp.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port


def is_bound(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


async def bound(port: int, process: Process) -> None:
    while not is_bound(port):  # another process binds it: nothing tells us
        assert process.returncode is None
        await asyncio.sleep(0.05)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is missing: on Debian, apt-get install ffmpeg")
async def test_what_ffmpeg_broadcasts_another_ffmpeg_records(server: DemoServer, tmp_path: Path) -> None:
    address = ws_url(server).replace("ws", "http", 1)
    listener = await RoomClient.connect(ws_url(server), "r", "a")
    await listener.join()
    sender = await create_subprocess_exec(
        *(sys.executable, str(ROOT / "docs/examples/broadcast.py"), address, "r"),
        env={key: value for key, value in os.environ.items() if not key.startswith("MISO_")},
    )
    recording = tmp_path / "recording.mkv"
    async with (
        asyncio.timeout(TIMEOUT_S),
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=TIMEOUT_S) as http,
    ):
        await listener.seen("newConsumer", count=2)
        producers = [data["producerId"] for method, data in listener.log if method == "newConsumer"]
        who = {"id": "recorder", "displayName": "R", "device": {"name": "ffmpeg"}, "rtpCapabilities": RTP_CAPABILITIES}
        await post(http, "/rooms/r/broadcasters", who)
        description = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        waiting = []
        for producer_id in producers:
            options = {"type": "plain", "comedia": False, "rtcpMux": False}
            transport = await post(http, "/rooms/r/broadcasters/recorder/transports", options)
            path = f"/rooms/r/broadcasters/recorder/transports/{transport['id']}"
            consumer = await post(http, f"{path}/consume?producerId={producer_id}", None)
            codec = consumer["rtpParameters"]["codecs"][0]
            port = free_port_pair()
            channels = f"/{codec['channels']}" if "channels" in codec else ""
            description += f"m={consumer['kind']} {port} RTP/AVP {codec['payloadType']}\n"
            description += (
                f"a=rtpmap:{codec['payloadType']} {codec['mimeType'].split('/')[1]}/{codec['clockRate']}{channels}\n"
            )
            waiting.append((path, port))
        (tmp_path / "r.sdp").write_text(description)
        recorder = await create_subprocess_exec(
            *("ffmpeg", "-v", "error", "-y", "-protocol_whitelist", "file,rtp,udp", "-i", str(tmp_path / "r.sdp")),
            *("-c", "copy", "-t", str(RECORDED_S), str(recording)),
            stdin=DEVNULL,
        )
        for path, port in waiting:
            await bound(port, recorder)
            await post(http, f"{path}/connect", {"ip": "127.0.0.1", "port": port, "rtcpPort": port + 1})
        assert await recorder.wait() == 0
        probe = await create_subprocess_exec(
            *("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(recording)), stdout=PIPE
        )
        streams = {one["codec_name"]: one for one in json.loads((await probe.communicate())[0])["streams"]}
        assert set(streams) == {"opus", "vp8"}
        assert (streams["vp8"]["width"], streams["vp8"]["height"]) == (320, 180)
        assert int(streams["vp8"]["nb_read_frames"]) > 10
        assert int(streams["opus"]["nb_read_frames"]) > 50
        sender.send_signal(signal.SIGTERM)
        await listener.seen("peerClosed")
        assert await sender.wait() == 0
    await listener.close()
