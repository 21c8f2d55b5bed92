"""Publishers and players that come and go in real time: ``python -m tests.live.soak [MINUTES]``.

Runs ``python -m miso.live`` and ffmpeg. Prints the server's descriptors and memory once a minute, while nobody is
there; fails when there is more at the end than after the first minute.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg

ROUND_S = 50.0
"""So long everybody comes and goes; for the rest of the minute nobody is there."""
REST_S = 10.0
MAX_PLAYERS = 6
MORE_KB = 4_000
"""Memory that the allocator may have taken more."""


def main(minutes: int) -> int:
    """Returns 0 when nothing was left behind."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "miso.live", "--live.rtmp.port=0", "--live.web.port=0"]
        server = subprocess.Popen([*command, "--live.streams.grace=2"], stderr=log)
        try:
            url = f"rtmp://127.0.0.1:{_port(server, Path(f'/proc/self/fd/{log.fileno()}'))}/live/"
            found = [_one_minute(server.pid, url, number) for number in range(minutes)]
        finally:
            server.terminate()
            exit_code = server.wait()
        log.seek(0)
        ended = re.findall(r": ended, ([a-z ]+)", log.read())
    print("sessions ended:", {reason: ended.count(reason) for reason in sorted(set(ended))}, "exit code", exit_code)
    (first_fds, first_kb), (last_fds, last_kb) = found[0], found[-1]
    return int(last_fds > first_fds or last_kb > first_kb + MORE_KB or "internal" in ended or exit_code != 0)


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    while server.poll() is None:
        if found := re.search(r"RTMP on port (\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.1)
    raise SystemExit(log.read_text())


def _one_minute(pid: int, url: str, number: int) -> tuple[int, int]:
    dice = random.Random(number)
    publishers: list[subprocess.Popen[bytes]] = []
    players: list[subprocess.Popen[bytes]] = []
    end_s = time.monotonic() + ROUND_S
    while time.monotonic() < end_s:
        if len(publishers) < 2:
            publish = ffmpeg(url + dice.choice("ab"), *PICTURE, *SOUND, *H264, *AAC, "-t", str(dice.randint(3, 15)))
            publishers.append(_quiet(publish))
        if len(players) < MAX_PLAYERS:
            play = ["ffmpeg", "-nostdin", "-i", url + dice.choice("abc"), "-c", "copy", "-t", str(dice.randint(1, 9))]
            players.append(_quiet([*play, "-f", "null", "-"]))
        if dice.random() < 0.3:
            dice.choice([*publishers, *players]).kill()
        publishers = [one for one in publishers if one.poll() is None]
        players = [one for one in players if one.poll() is None]
        time.sleep(0.7)
    for one in (*publishers, *players):
        one.kill()
        one.wait()
    time.sleep(REST_S)
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    status = Path(f"/proc/{pid}/status").read_text()
    rss = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert rss is not None
    print(f"minute {number + 1}: {descriptors} descriptors, {int(rss[1])} kB", flush=True)
    return descriptors, int(rss[1])


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
