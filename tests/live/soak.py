"""Publishers and players that come and go in real time: ``python -m tests.live.soak [MINUTES]``.

Runs ``python -m miso.live`` with a certificate. ffmpeg publishes, by RTMP and RTMPS, is killed and comes back, within
the grace window and after it; ffmpeg and websockets play by RTMP, RTMPS, HTTP-FLV, HTTPS, WS-FLV, WSS and HLS, are
killed, and freeze. Prints the server's descriptors and memory once a minute, while nobody is there; fails when there is
more at the end than after the first minute.
"""

from __future__ import annotations

import os
import random
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from miso.serving.certificate import Certificate
from miso.serving.certificate_files import self_made
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg

ROUND_S = 35.0
"""So long everybody comes and goes; for the rest of the minute nobody is there."""
REST_S = 25.0
"""The last viewer of HLS is gone after some 8 s, and within 15 more the server has given memory back."""
TURN_S = 0.6
STREAMS = ("a", "b")
MAX_PLAYERS = 8
LONGEST_S = 12
MORE_KB = 4_000
"""Memory that the allocator may have taken more."""
FREE = {"live.rtmp.port": 0, "live.rtmp.rtmps-port": 0, "live.web.port": 0, "live.web.https-port": 0}
SETTINGS = {
    "live.streams.grace": 2,
    "live.players.frozen": 3,
    "live.hls.stop-s": 4,
    "live.hls.viewer-s": 5,
}
_PORTS = {
    "rtmp": r"RTMP on port (\d+)",
    "rtmps": r"RTMPS on port (\d+)",
    "http": r"over HTTP on port (\d+)",
    "https": r"over HTTPS on port (\d+)",
}


class Guest(Protocol):
    """Somebody who publishes or plays."""

    def poll(self) -> int | None:
        """Not None: it has gone."""

    def kill(self) -> None:
        """Lets it go at once."""

    def wait(self) -> int:
        """Until it has gone."""

    def send_signal(self, number: int) -> None:
        """A process that is stopped is a player that freezes."""


class WebSocketPlayer(threading.Thread):
    """Plays by WebSocket for so many seconds, or until it is killed; frozen, it reads nothing."""

    def __init__(self, url: str, trust: ssl.SSLContext | None, seconds: float) -> None:
        super().__init__()
        self._url = url
        self._trust = trust
        self._until_s = time.monotonic() + seconds
        self._is_over = threading.Event()
        self._is_frozen = False
        self.start()

    def run(self) -> None:
        try:
            with connect(self._url, ssl=self._trust, proxy=None, max_size=None, close_timeout=0.1) as websocket:
                while time.monotonic() < self._until_s and not self._is_over.is_set():
                    if self._is_frozen:
                        time.sleep(TURN_S)
                    else:
                        websocket.recv(timeout=LONGEST_S)
        except (OSError, TimeoutError, WebSocketException):
            pass  # refused, or the stream is over
        finally:
            self._is_over.set()

    def poll(self) -> int | None:
        return 0 if self._is_over.is_set() else None

    def kill(self) -> None:
        self._is_over.set()

    def wait(self) -> int:
        self.join()
        return 0

    def send_signal(self, number: int) -> None:
        self._is_frozen = number == signal.SIGSTOP


class Measured(NamedTuple):
    """What the server has while nobody is there."""

    descriptors: int
    resident_kb: int


class Server:
    """``python -m miso.live`` in a folder that has its certificate and its log.

    Args:
        folder: Where these are.
        settings: Beside its ports, which are free ones.
    """

    def __init__(self, folder: Path, settings: Mapping[str, float]) -> None:
        self.certificate = self_made(folder, ["localhost"])
        self._log = folder / "log"
        command = [
            sys.executable,
            "-m",
            "miso.live",
            *(f"--{name}={value}" for name, value in {**FREE, **settings}.items()),
        ]
        for plugin in ("rtmp", "web"):
            command += [f"--live.{plugin}.tls-certificate={self.certificate.chain}"]
            command += [f"--live.{plugin}.tls-key={self.certificate.key}"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.ports = {name: self._port(pattern) for name, pattern in _PORTS.items()}

    def stop(self) -> int:
        """Returns its exit code."""
        self.process.terminate()
        return self.process.wait()

    def endings(self) -> Counter[str]:
        """Why sessions have ended, by protocol and role."""
        ended = re.findall(r"(\S+) (publisher|player) .*: ended, ([a-z]+(?: [a-z]+)*)", self._log.read_text())
        return Counter(map(" ".join, ended))

    def measure(self) -> Measured:
        """As the kernel has it."""
        proc = Path(f"/proc/{self.process.pid}")
        rss = re.search(r"VmRSS:\s+(\d+) kB", (proc / "status").read_text())
        assert rss is not None
        return Measured(len(os.listdir(proc / "fd")), int(rss[1]))

    def _port(self, pattern: str) -> int:
        while self.process.poll() is None:
            if found := re.search(pattern, self._log.read_text()):
                return int(found[1])
            time.sleep(0.1)
        raise SystemExit(self._log.read_text())


class Minute:
    """Who is there in one minute; the same number brings the same people."""

    def __init__(self, server: Server, number: int) -> None:
        self._dice = random.Random(number)
        self._ports = server.ports
        self._certificate: Certificate = server.certificate
        self._publishers: dict[str, Guest] = {}
        self._absent: dict[str, int] = {}
        self._players: list[Guest] = []

    def turn(self) -> None:
        """Some come, some go, some freeze."""
        for name in STREAMS:
            publisher = self._publishers.get(name)
            if publisher is None or publisher.poll() is not None:
                if self._absent.get(name, 0) > 0:
                    self._absent[name] -= 1
                else:
                    self._publishers[name] = self._publish(name)
                    self._absent[name] = self._dice.choice((1, 1, 10))  # turns: within the grace window, and after it
        if len(self._players) < MAX_PLAYERS:
            self._players.append(self._play())
        if self._dice.random() < 0.3:
            self._dice.choice([*self._publishers.values(), *self._players]).kill()
        if self._dice.random() < 0.1:
            self._dice.choice(self._players).send_signal(signal.SIGSTOP)
        self._players = [player for player in self._players if player.poll() is None]

    def end(self) -> None:
        """Everybody goes."""
        for guest in (*self._publishers.values(), *self._players):
            guest.kill()
            guest.wait()

    def _publish(self, name: str) -> Guest:
        scheme = self._dice.choice(("rtmp", "rtmp", "rtmps"))
        url = f"{scheme}://localhost:{self._ports[scheme]}/live/{name}"
        return _quiet(ffmpeg(url, *PICTURE, *SOUND, *H264, *AAC, "-t", str(self._dice.randint(5, 30))))

    def _play(self) -> Guest:
        name, seconds = self._dice.choice((*STREAMS, "nobody")), self._dice.randint(1, LONGEST_S)
        scheme, suffix = self._dice.choice(
            (
                ("rtmp", ""),
                ("rtmps", ""),
                ("http", ".flv"),
                ("https", ".flv"),
                ("http", ".m3u8"),
                ("https", ".m3u8"),
                ("ws", ".flv"),
                ("wss", ".flv"),
            )
        )
        port = self._ports[scheme.replace("ws", "http")]
        url = f"{scheme}://localhost:{port}/live/{name}{suffix}"
        if scheme in ("ws", "wss"):
            trust = ssl.create_default_context(cafile=self._certificate.chain) if scheme == "wss" else None
            return WebSocketPlayer(url, trust, seconds)
        return _quiet(["ffmpeg", "-nostdin", "-i", url, "-c", "copy", "-t", str(seconds), "-f", "null", "-"])


def main(minutes: int) -> int:
    """Returns 0 when nothing was left behind."""
    with tempfile.TemporaryDirectory(prefix="miso-soak-") as folder:
        server = Server(Path(folder), SETTINGS)
        found = []
        try:
            for number in range(minutes):
                found.append(_one_minute(server, number))
                print(
                    f"minute {number + 1}: {found[-1].descriptors} descriptors, {found[-1].resident_kb} kB", flush=True
                )
        finally:
            exit_code = server.stop()
        endings = server.endings()
    for what, count in sorted(endings.items()):
        print(f"{count:5} {what}")
    print("exit code", exit_code)
    first, last = found[0], found[-1]
    has_grown = last.descriptors > first.descriptors or last.resident_kb > first.resident_kb + MORE_KB
    return int(has_grown or any("internal" in what for what in endings) or exit_code != 0)


def _one_minute(server: Server, number: int) -> Measured:
    minute = Minute(server, number)
    end_s = time.monotonic() + ROUND_S
    try:
        while time.monotonic() < end_s:
            minute.turn()
            time.sleep(TURN_S)
    finally:
        minute.end()
    time.sleep(REST_S)
    return server.measure()


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
