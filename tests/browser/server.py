"""The demo server as a process of its own, on free ports, and what its workers hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0
STARVED_PAGE_S = 120
"""So long a page may have no core; after 20 s a server would take it for gone, unless told otherwise."""


class DemoServer:
    """``python -m miso.demo`` with plain HTTP on localhost; the first worker's media port is ``media_port``.

    Attributes:
        flags: Those of the ``controller`` command; more may be added before it starts.

    Args:
        workers: Media workers.
        webrtc_server: One port per worker; else a port per transport.
        arguments: More flags of the ``controller`` command.
    """

    def __init__(self, *, workers: int = 1, webrtc_server: bool = True, arguments: tuple[str, ...] = ()) -> None:
        self.port = free_ports(1)
        self.media_port = free_ports(workers)
        self.flags = (
            *("--workers", str(workers), "--no-https", "--http-port", str(self.port), "--media-ip", "127.0.0.1"),
            *(("--webrtc-server-port", str(self.media_port)) if webrtc_server else ("--no-webrtc-server",)),
            *("--live.web.port", "0", "--live.rtmp.port", "0"),
            *("--ice-consent-timeout", str(STARVED_PAGE_S)),
            *arguments,
        )
        self._log = Path(tempfile.mkstemp(prefix="miso-browser-test-", suffix=".log")[1])
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://localhost:{self.port}/"

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return self._log.read_text(errors="replace")

    @property
    def is_started(self) -> bool:
        """Whether it was; it may have ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def worker_pids(self) -> list[int]:
        """The processes of the media workers that live now."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()]

    async def start(self) -> None:
        """Starts the server, and returns when it answers.

        Raises:
            RuntimeError: It ended or did not answer in time; the text has its log.
        """
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "miso.demo",
                *self.flags,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not await self._answers():
                    if self._process.returncode is not None:
                        raise RuntimeError(f"the server ended with {self._process.returncode}:\n{self.log}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.stop()
            raise RuntimeError(f"the server did not answer in {START_TIMEOUT} s:\n{self.log}") from None

    async def stop(self) -> int:
        """Ends the server as a person would (SIGTERM), and gives its exit code."""
        process = self._process
        assert process is not None
        if process.returncode is None:
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return await process.wait()

    def worker_with_port(self, port: int) -> int:
        """The worker process that receives media on a local UDP or TCP port.

        Raises:
            LookupError: None does.
        """
        inodes = _inodes_of_port(port)
        for pid in self.worker_pids:
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found = re.fullmatch(r"socket:\[(\d+)]", os.readlink(descriptor))
                    if found is not None and found[1] in inodes:
                        return pid
        raise LookupError(f"no worker has port {port}")

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True


@contextlib.asynccontextmanager
async def running(server: DemoServer) -> AsyncIterator[DemoServer]:
    """Starts a server and stops it in the end."""
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _inodes_of_port(port: int) -> set[str]:
    """The sockets bound to a port, by inode; proc(5), ``/proc/net/udp``."""
    inodes = set()
    for table in ("udp", "udp6", "tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
