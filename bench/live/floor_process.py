"""Runs the floor in a process of its own, as a server is one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple


class FloorFigures(NamedTuple):
    """What one run of the floor gave.

    Attributes:
        cpu_s: Of its loop.
        sent: Bytes.
        refused: Frames that a socket did not take whole; there should be none.
    """

    cpu_s: float
    sent: int
    refused: int


class FloorProcess:
    """The parent's side. One JSON line each way: for each measurement a question and an answer."""

    def __init__(self, file: Path, players: int) -> None:
        """Starts the process with that many connections; ``sockets`` are the players' ends."""
        with socket.create_server(("127.0.0.1", 0), backlog=max(players, 1)) as listening:
            self.sockets = []
            served = []
            for _ in range(players):
                self.sockets.append(socket.create_connection(listening.getsockname()))
                served.append(listening.accept()[0])
        fds = [one.fileno() for one in served]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.live.floor_process", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=fds,
        )
        for one in served:
            one.close()
        self._say(fds)

    def __enter__(self) -> FloorProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(self, seconds: float) -> FloorFigures:
        """Sends for so long. Raises RuntimeError when the process ended."""
        self._say(seconds)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the floor ended with exit code {self._process.wait()}")
        return FloorFigures(*json.loads(line))

    def close(self) -> None:
        """Ends the process and its connections. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        for one in self.sockets:
            one.close()

    def _say(self, message: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


def main() -> None:
    """The child: measures until its input ends."""
    from bench.live.floor import FrameFloor
    from bench.live.source import Source

    floor = FrameFloor(*Source(Path(sys.argv[1])).frames(), json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        sent, refused = floor.sent, floor.refused
        cpu_ns = floor.run(json.loads(line))
        print(json.dumps([cpu_ns / 1e9, floor.sent - sent, floor.refused - refused]), flush=True)


if __name__ == "__main__":
    main()
