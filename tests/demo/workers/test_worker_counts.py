"""What workers count is at /metrics: the bugs that they met, and what peers sent beyond what they may."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from miso.demo.server import DemoServer
from miso.worker.ice import stun
from miso.worker.ice.stun import MessageClass
from tests.demo.client import RoomClient
from tests.demo.conftest import counted, free_ports, ws_url
from tests.patience import PATIENCE_S

PROGRAM = f"""#!{sys.executable}
import sys
import miso.worker.ice.server
from miso.worker.__main__ import main

receive = miso.worker.ice.server.IceServer.receive

def broken(agent, message, *rest):
    if message.username.endswith(":bug"):
        raise ZeroDivisionError("planted")
    return receive(agent, message, *rest)

miso.worker.ice.server.IceServer.receive = broken
main()
"""


async def test_faults_and_floods_of_a_worker_are_at_metrics(tmp_path: Path) -> None:
    program = tmp_path / "worker"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    server = DemoServer(free_ports(tmp_path, worker_bin=program, workers=1))
    await server.start()
    client = await RoomClient.connect(ws_url(server), "r", "a")
    transport = await client.transport(producing=True)
    candidate = next(one for one in transport["iceCandidates"] if one["protocol"] == "udp")
    ice = transport["iceParameters"]

    def check(peer: str) -> bytes:
        username = f"{ice['usernameFragment']}:{peer}"
        return stun.build(MessageClass.REQUEST, bytes(12), username=username, priority=1, password=ice["password"])

    assert await counted(server, "worker_faults") == 0
    (worker,) = server.workers.pool.workers
    met_a_fault, dropped = asyncio.Event(), asyncio.Event()
    worker.on("faults", lambda count: met_a_fault.set())
    worker.on("dropped", lambda counts: dropped.set())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((candidate["ip"], candidate["port"]))
        sock.send(check("bug"))
        await asyncio.wait_for(met_a_fault.wait(), PATIENCE_S)
        assert await counted(server, "worker_faults") == 1
        for _ in range(300):
            sock.send(check("peer"))
        await asyncio.wait_for(dropped.wait(), PATIENCE_S)
        assert 50 <= await counted(server, "worker_dropped", kind="stun") <= 300
    await client.close()
    await server.close()
