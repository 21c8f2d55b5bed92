"""Runs the floor of a check in a process of its own, as a worker is one."""

from __future__ import annotations

import subprocess
import sys


class EchoProcess:
    """The parent's side.

    Attributes:
        pid: Of the process.
        port: Where it receives, on 127.0.0.1.
    """

    def __init__(self) -> None:
        """Starts it."""
        self._process = subprocess.Popen([sys.executable, "-m", "bench.checks.echo_process"], stdout=subprocess.PIPE)
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def main() -> None:
    """The child."""
    from bench.checks.echo import Echo

    echo = Echo()
    print(echo.port, flush=True)
    echo.run()


if __name__ == "__main__":
    main()
