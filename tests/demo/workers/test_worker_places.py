"""Each worker has a place, by which the port of its WebRtcServer is counted; who goes gives it back."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from miso.demo.server import DemoServer
from miso.demo.workers.free_ports import free_port
from tests.demo.client import RoomClient
from tests.demo.conftest import free_ports, ws_url

SAYS_NOTHING = "sys.exit(1)"
SAYS_THAT_IT_RUNS = r"""
body = b'{"event":"running","targetId":%d}' % os.getpid()
os.write(4, len(body).to_bytes(4, sys.byteorder) + body)
sys.exit(1)
"""
DIES_WHEN_ASKED = r"""
body = b'{"event":"running","targetId":%d}' % os.getpid()
os.write(4, len(body).to_bytes(4, sys.byteorder) + body)
os.read(3, 1)
sys.exit(1)
"""


def worker_that_fails(directory: Path, failure: str) -> tuple[Path, Path]:
    """A worker's program that fails as long as there is a file, whose name comes too; each failure takes one letter."""
    program, failures = directory / "worker", directory / "failures"
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"left = open({str(failures)!r}).read()\n"
        "if left:\n"
        f"    open({str(failures)!r}, 'w').write(left[1:])\n"
        + "".join(f"    {line}\n" for line in failure.strip().splitlines())
        + f"os.execv({sys.executable!r}, [{sys.executable!r}, '-m', 'miso.worker', *sys.argv[1:]])\n"
    )
    program.chmod(0o755)
    failures.write_text("")
    return program, failures


async def port_of_the_candidates(server: DemoServer) -> set[int]:
    client = await RoomClient.connect(ws_url(server), "r", "a")
    transport = await client.transport(producing=True)
    await client.close()
    return {candidate["port"] for candidate in transport["iceCandidates"]}


@pytest.mark.parametrize("failure", [SAYS_NOTHING, SAYS_THAT_IT_RUNS, DIES_WHEN_ASKED])
async def test_a_worker_that_did_not_start_gives_its_port_back(tmp_path: Path, failure: str) -> None:
    program, failures = worker_that_fails(tmp_path, failure)
    port = free_port(["127.0.0.1"], 20000, 29999)
    server = DemoServer(free_ports(tmp_path, worker_bin=program, webrtc_server_port=port))
    await server.start()
    assert await port_of_the_candidates(server) == {port}
    replaced = asyncio.Event()
    server.workers.pool.on("started", lambda worker: replaced.set())
    failures.write_text("xx")
    os.kill(server.workers.pool.workers[0].pid, signal.SIGKILL)
    await asyncio.wait_for(replaced.wait(), 60)
    assert failures.read_text() == ""
    assert await port_of_the_candidates(server) == {port}
    await server.close()
