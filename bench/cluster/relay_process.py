"""Runs the floor of a pipe in a process of its own, as a worker is one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import NamedTuple


class Relayed(NamedTuple):
    """What it has done.

    Attributes:
        packets: How many it has sent on.
        cpu_ns: What that took.
    """

    packets: int
    cpu_ns: int


class RelayProcess:
    """The parent's side.

    Attributes:
        port: Where it receives, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        """Starts it; ``port`` of 127.0.0.1: where it sends to."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.cluster.relay_process", str(port)], stdout=subprocess.PIPE
        )
        self.port = int(self._line())

    def finish(self) -> Relayed:
        """Ends it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"\0", ("127.0.0.1", self.port))
        relayed = Relayed(*json.loads(self._line()))
        self._process.communicate()
        return relayed

    def close(self) -> None:
        """Ends it at once. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def main() -> None:
    """The child."""
    from bench.cluster.relay import Relay

    relay = Relay(int(sys.argv[1]))
    print(relay.port, flush=True)
    cpu_ns = relay.run()
    print(json.dumps([relay.relayed, cpu_ns]), flush=True)


if __name__ == "__main__":
    main()
