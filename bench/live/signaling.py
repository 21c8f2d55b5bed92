"""Asks a room again and again, in a process of its own, and tells how long the answers took."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from miso.protoo import ClientPeer

EVERY_S = 0.05


class Signaling:
    """The parent's side."""

    def __init__(self, port: int, seconds: float) -> None:
        """Begins to ask the rooms on that port."""
        command = [sys.executable, "-m", "bench.live.signaling", str(port), str(seconds)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def result(self) -> list[float]:
        """Seconds that each answer took, once the time is over. Raises RuntimeError if an answer failed."""
        answers = self._process.communicate()[0]
        if self._process.returncode:
            raise RuntimeError(f"the rooms did not answer: exit code {self._process.returncode}")
        times: list[float] = json.loads(answers)
        return times


async def ask(port: int, seconds: float) -> list[float]:
    """The child: asks for so long."""
    peer = ClientPeer(f"ws://127.0.0.1:{port}/?roomId=bench&peerId=bench")
    await peer.open()
    await peer.request("getRouterRtpCapabilities")  # the first one makes the room
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        await peer.request("getRouterRtpCapabilities")
        times.append(time.monotonic() - began)
        await asyncio.sleep(EVERY_S)
    await peer.close()
    return times


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(ask(int(sys.argv[1]), float(sys.argv[2])))))
