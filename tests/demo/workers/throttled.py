"""What the tests of the network throttle do inside a network namespace of their own; prints what came of it as JSON.

``ip netns exec NAMESPACE python -m tests.demo.workers.throttled media|room|left-behind``
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from miso.demo.server import DemoServer
from miso.demo.workers.network_throttle import Conditions, NetworkThrottle
from tests.demo.client import Rejected, RoomClient
from tests.demo.conftest import free_ports, ws_url

PORT = 40_000
PACKETS = 500
SIZE = 1_000
SECRET = "open sesame"


def rules() -> list[str]:
    """All rules of the namespace."""
    return subprocess.check_output(["iptables", "--list-rules"], text=True).splitlines()


def passed(seconds: float = 0.0) -> tuple[int, int]:
    """How many of 500 datagrams from the media port, and to it, come through, sent within so many seconds."""
    with socket.socket(type=socket.SOCK_DGRAM) as media, socket.socket(type=socket.SOCK_DGRAM) as client:
        media.bind(("127.0.0.1", PORT))
        client.bind(("127.0.0.1", 0))
        counts = []
        for source, sink in ((media, client), (client, media)):
            sink.setblocking(False)
            count = 0
            for _ in range(PACKETS):
                try:
                    source.sendto(bytes(SIZE), sink.getsockname())
                except PermissionError:  # how the sender hears of a packet that OUTPUT drops
                    continue
                finally:
                    time.sleep(seconds / PACKETS)
                try:
                    sink.recv(2048)
                except BlockingIOError:
                    continue
                count += 1
            counts.append(count)
        return counts[0], counts[1]


async def media() -> dict[str, object]:
    """The media port with loss, with a slow uplink, and free again."""
    throttle = NetworkThrottle(SECRET, ["127.0.0.1"], lambda: [(PORT, PORT)])
    found: dict[str, object] = {"before": passed()}
    await throttle.apply("owner", Conditions(packet_loss=30))
    found["loss"] = passed()
    await throttle.apply("owner", Conditions(uplink_kbps=200))
    began_s = time.monotonic()
    found["slow"] = passed(seconds=2.0)
    found["seconds"] = time.monotonic() - began_s
    found["in force"] = throttle.in_force
    await throttle.release("somebody else")
    found["still in force"] = throttle.in_force
    await throttle.release("owner")
    found["after"] = passed()
    found["rules"] = rules()
    return found


async def left_behind() -> dict[str, object]:
    """One server applies and is killed, the next one applies and resets."""
    killed = NetworkThrottle(SECRET, ["127.0.0.1"], lambda: [(PORT, PORT)])
    await killed.apply("owner", Conditions(packet_loss=100))
    successor = NetworkThrottle(SECRET, ["127.0.0.1"], lambda: [(PORT, PORT)])
    await successor.apply("owner", Conditions(packet_loss=0.5))
    found: dict[str, object] = {"rules": rules()}
    await successor.reset()
    found["after"] = rules()
    return found


async def room() -> dict[str, object]:
    """A room's people and the secret."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = DemoServer(free_ports(Path(folder), network_throttle_secret=SECRET))
        await server.start()
        one, other = [await RoomClient.connect(ws_url(server), "r", name) for name in ("one", "other")]
        try:
            await other.request("applyNetworkThrottle", secret="guess", packetLoss=50)
        except Rejected as error:
            found["guess"] = error.code
        await one.request("applyNetworkThrottle", secret=SECRET, uplink=500, downlink=1_000_000, packetLoss=1)
        found["applied"] = rules()
        await other.request("applyNetworkThrottle", secret=SECRET, options={"down": 300, "packetLoss": 2})
        found["of 2026"] = rules()
        await one.close()
        await other.request("getRouterRtpCapabilities")
        found["when one leaves"] = rules()
        await other.request("stopNetworkThrottle", secret=SECRET)
        found["stopped"] = rules()
        await other.request("applyNetworkThrottle", secret=SECRET, packetLoss=3)
        await other.close()
        async with asyncio.timeout(10):
            while server.rooms.shared.throttle.in_force:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
        found["when its owner leaves"] = rules()
        last = await RoomClient.connect(ws_url(server), "r", "last")
        await last.request("applyNetworkThrottle", secret=SECRET, packetLoss=3)
        await server.close()
        found["when the server ends"] = rules()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run({"media": media, "room": room, "left-behind": left_behind}[sys.argv[1]]())))
