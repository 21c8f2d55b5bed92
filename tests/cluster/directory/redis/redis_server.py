"""Starts Debian's redis-server for a test, on a port of its own; the service of the system is not touched."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

REDIS_SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
START_WITHIN_S = 60.0


def need_redis_server() -> str:
    """The program; fails where it is not installed (``.ci/prepare`` installs it)."""
    if REDIS_SERVER is None:
        pytest.fail("redis-server is missing: .ci/prepare build web test installs it")
    return REDIS_SERVER


def free_port() -> int:
    """A TCP port of the loopback interface that nobody has now; nor the one 10,000 above it, for a Cluster's talk.

    It is below those that the system gives to clients, so that nobody gets it while its server is restarted.
    """
    while True:
        port = random.randrange(12_000, 22_000)
        with socket.socket() as one, socket.socket() as other, suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            return port


class RedisServer:
    """A redis-server, or Sentinel, of a test.

    Attributes:
        port: Where it listens.
        directory: Where it keeps its data.
    """

    def __init__(
        self, *arguments: str, port: int | None = None, plain: bool = True, program_arguments: tuple[str, ...] = ()
    ) -> None:
        """Not started.

        Args:
            arguments: For redis-server, besides those which name port and directory.
            port: Where it is to listen; None: anywhere.
            plain: Whether that port is one without TLS.
            program_arguments: What comes first, with a configuration that is written before the start.
        """
        self.port = port or free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="miso-redis-"))
        self._plain = plain
        self._arguments = list(arguments)
        self._program_arguments = program_arguments
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def write_configuration(self, *lines: str) -> None:
        """Makes the file that Sentinel keeps its knowledge in."""
        self._program_arguments = (str(self.directory / "conf"), *self._program_arguments)
        (self.directory / "conf").write_text("\n".join((*lines, f"port {self.port}", "bind 127.0.0.1", "")))

    async def start(self, *arguments: str) -> None:
        """Starts it, again perhaps, and returns when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            need_redis_server(),
            *(self._program_arguments or self._usual_arguments(arguments)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_WITHIN_S):
            while not await self._is_up():
                assert self._process.returncode is None, (self.directory / "log").read_text()
                await asyncio.sleep(0.02)

    def freeze(self) -> None:
        """It does not answer any more, and its connections stay."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Ends it, without a goodbye."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def close(self) -> None:
        """Ends it, and takes its data away."""
        await self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def run(self, *command: str | bytes | float) -> object:
        """One command, on a connection of its own."""
        return await self.run_as(None, *command)

    async def run_as(self, password: str | None, *command: str | bytes | float) -> object:
        """One command, of somebody who knows the password."""
        async with Redis(port=self.port, protocol=2, password=password, retry=Retry(NoBackoff(), 0)) as client:
            answer: object = await client.execute_command(*command)  # type: ignore[no-untyped-call]
            return answer

    async def keys(self) -> list[str]:
        """The names of all keys."""
        found = await self.run("KEYS", "*")
        assert isinstance(found, list)
        return sorted(key.decode(errors="replace") for key in found)

    def _usual_arguments(self, more: tuple[str, ...]) -> list[str]:
        ports = ["--port", str(self.port)] if self._plain else ["--port", "0", "--tls-port", str(self.port)]
        place = ["--bind", "127.0.0.1", "--dir", str(self.directory), "--logfile", str(self.directory / "log")]
        return [*self._arguments, *ports, *place, "--save", "", *more]

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def _is_up(self) -> bool:
        try:
            if self._plain:
                await self.run("PING")
            else:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
        except AuthenticationError:
            return True
        except (RedisError, OSError):
            return False
        return True
