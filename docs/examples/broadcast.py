"""Sends whatever ffmpeg reads into a room of the demo server, as Opus and VP8 over plain RTP.

    python docs/examples/broadcast.py http://localhost:3000 ROOM INPUT

INPUT is a file or an address; without one it is a test picture with a tone. Ctrl-C ends it. Where the server asks for a
secret, BROADCASTER_SECRET holds it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from typing import Any
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

OPUS = {"mimeType": "audio/opus", "payloadType": 100, "clockRate": 48000, "channels": 2}
VP8 = {"mimeType": "video/VP8", "payloadType": 101, "clockRate": 90000}
AUDIO_SSRC, VIDEO_SSRC = 1111, 2222
TEST_INPUT = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=20[out0];sine=frequency=440[out1]"]
AUDIO_CODEC = ["-map", "0:a:0", "-c:a", "libopus", "-ac", "2", "-ar", "48000", "-b:a", "64k"]
VIDEO_CODEC = ["-map", "0:v:0", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "600k", "-g", "40"]
DIRECT = build_opener(ProxyHandler({}))


def ask(method: str, url: str, body: object = None) -> Any:
    """Sends one request; gives the answer's JSON, if it is some.

    Raises:
        urllib.error.HTTPError: The server refuses; its body says why.
    """
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if "BROADCASTER_SECRET" in os.environ:
        headers["Authorization"] = f"Bearer {os.environ['BROADCASTER_SECRET']}"
    data = json.dumps(body).encode() if body is not None else None
    with DIRECT.open(Request(url, data, headers, method=method)) as response:
        text = response.read()
        return json.loads(text) if response.headers["Content-Type"] == "application/json" and text else None


def output(broadcaster: str, kind: str, codec: dict[str, object], ssrc: int, encoder: list[str]) -> list[str]:
    """Makes a transport and a producer; gives ffmpeg's arguments to send there."""
    transport = ask("POST", f"{broadcaster}/transports", {"type": "plain", "comedia": True, "rtcpMux": False})
    parameters = {"codecs": [codec], "encodings": [{"ssrc": ssrc}]}
    ask(
        "POST",
        f"{broadcaster}/transports/{transport['id']}/producers",
        {"kind": kind, "rtpParameters": parameters},
    )
    url = f"rtp://{transport['ip']}:{transport['port']}?rtcpport={transport['rtcpPort']}&pkt_size=1200"
    return [*encoder, "-ssrc", str(ssrc), "-payload_type", str(codec["payloadType"]), "-f", "rtp", url]


def main(server: str, room: str, source: str | None = None) -> int:
    """Broadcasts until the input ends, or Ctrl-C or SIGTERM comes."""
    name = str(uuid.uuid4())
    broadcasters = f"{server.rstrip('/')}/rooms/{quote(room, safe='')}/broadcasters"
    ask("POST", broadcasters, {"id": name, "displayName": "Broadcaster", "device": {"name": "ffmpeg"}})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        audio = output(f"{broadcasters}/{name}", "audio", OPUS, AUDIO_SSRC, AUDIO_CODEC)
        video = output(f"{broadcasters}/{name}", "video", VP8, VIDEO_SSRC, VIDEO_CODEC)
        what = TEST_INPUT if source is None else ["-re", "-i", source]
        command = ["ffmpeg", "-v", "error", *what, *audio, *video]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as ffmpeg:
            try:
                return ffmpeg.wait()
            finally:
                ffmpeg.terminate()
    except KeyboardInterrupt:
        return 0
    finally:
        ask("DELETE", f"{broadcasters}/{name}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
