"""Runs the floor in a process of its own, as a worker is one, to sinks that somebody else empties."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

from bench.readable import is_readable
from bench.sinks import Sinks
from miso.worker.srtp_suite import SrtpSuite

_DRAIN_S = 0.005


class FloorProcess:
    """The parent's side. One JSON line each way: the set-up, then for each measurement a question and an answer."""

    def __init__(self, sinks: Sinks, suite: SrtpSuite | None, key: bytes) -> None:
        """Starts the process; ``suite`` None: without SRTP."""
        self._sinks = sinks
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.floor_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        ports = [port for _, port in sinks.addresses]
        self._say({"ports": ports, "suite": None if suite is None else suite.name, "key": key.hex()})

    def __enter__(self) -> FloorProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def cpu_us(self, packets: int, packet_size: int, packets_per_second: float) -> float:
        """CPU for each packet. Raises RuntimeError when packets were refused or the process ended."""
        self._say({"packets": packets, "packet_size": packet_size, "packets_per_second": packets_per_second})
        output = self._process.stdout
        assert output is not None
        while not is_readable(output, _DRAIN_S):
            self._sinks.drain()
        self._sinks.drain()
        line = output.readline()
        if not line:
            raise RuntimeError(f"the floor ended with exit code {self._process.wait()}")
        answer = json.loads(line)
        if answer["failed"]:
            raise RuntimeError(f"the floor could not send {answer['failed']} of {packets} packets")
        cpu_us: float = answer["cpu_ns"] / 1000 / packets
        return cpu_us

    def close(self) -> None:
        """Ends the process. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _say(self, message: dict[str, object]) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()


def main() -> None:
    """The child: measures until its input ends."""
    from bench.floor import Floor

    setup = json.loads(sys.stdin.readline())
    suite = None if setup["suite"] is None else SrtpSuite[setup["suite"]]
    floor = Floor(setup["ports"], suite, bytes.fromhex(setup["key"]))
    for line in sys.stdin:
        question = json.loads(line)
        failed = floor.failed
        cpu_ns = floor.run(**question)
        print(json.dumps({"cpu_ns": cpu_ns, "failed": floor.failed - failed}), flush=True)


if __name__ == "__main__":
    main()
