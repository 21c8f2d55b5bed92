"""Making the network worse: with the secret only, at the media ports only, and only while its owner is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miso.demo.server import DemoServer
from miso.demo.workers.network_throttle import Conditions, NetworkThrottle, ThrottleError
from tests.demo.client import Rejected, RoomClient
from tests.demo.conftest import free_ports, ws_url

ROOT = Path(__file__).resolve().parents[3]
NOTHING = ["-P INPUT ACCEPT", "-P FORWARD ACCEPT", "-P OUTPUT ACCEPT"]
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"),
    reason="network namespaces need root, ip and iptables",
)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network with nothing in it but loopback: nobody else's rules are touched."""
    name = f"miso-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        tried = subprocess.run(
            ["ip", "netns", "exec", name, "iptables", "--list-rules"], capture_output=True, text=True, check=False
        )
        if tried.returncode != 0:
            pytest.skip(f"no iptables here: {tried.stderr.strip()}")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def inside(namespace: str, what: str) -> dict[str, Any]:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-m", "tests.demo.workers.throttled", what]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def losses(rules: list[str]) -> list[float]:
    """What they lose, in percent."""
    return [round(100 * float(rule.split("--probability ")[1].split()[0]), 3) for rule in rules if "--prob" in rule]


@needs_root
def test_loses_what_it_should_and_lets_through_what_is_allowed(namespace: str) -> None:
    found = inside(namespace, "media")
    assert found["before"] == [500, 500]
    assert all(300 <= count <= 400 for count in found["loss"]), found
    # 200 kbit/s let 24 packets of 1028 bytes with their headers through in a second, and some seconds' worth at once
    assert 40 <= found["slow"][0] <= 24 * (found["seconds"] + 5), found
    assert found["slow"][1] == 500, found
    assert found["in force"]
    assert found["still in force"]
    assert found["after"] == [500, 500]
    assert found["rules"] == NOTHING


@needs_root
def test_what_a_killed_server_left_behind_goes_with_the_next_change(namespace: str) -> None:
    found = inside(namespace, "left-behind")
    assert losses(found["rules"]) == [0.5, 0.5]
    assert found["after"] == NOTHING


@needs_root
def test_it_is_the_secrets_and_ends_with_its_owner_and_with_the_server(namespace: str) -> None:
    found = inside(namespace, "room")
    assert found["guess"] == 403
    assert sum("hashlimit" in rule for rule in found["applied"]) == 1  # a million kbit/s are no limit
    assert losses(found["applied"]) == [1.0, 1.0]
    assert sum("-j MISO-" in rule for rule in found["applied"]) == 4  # UDP and TCP, out and in
    assert all("40000:49999" in rule for rule in found["applied"] if "-j MISO-" in rule)  # broadcasters' ports, too
    assert losses(found["of 2026"]) == [2.0, 2.0]
    assert found["when one leaves"] == found["of 2026"]  # it was not its owner any more
    assert found["stopped"] == NOTHING
    assert found["when its owner leaves"] == NOTHING
    assert found["when the server ends"] == NOTHING


@pytest.mark.parametrize("given", [None, "open sesame"])
async def test_without_the_secret_nobody_may(tmp_path: Path, given: str | None) -> None:
    server = DemoServer(free_ports(tmp_path, network_throttle_secret=given))
    await server.start()
    client = await RoomClient.connect(ws_url(server), "r", "a")
    for method in ("applyNetworkThrottle", "resetNetworkThrottle", "stopNetworkThrottle"):
        for data in ({}, {"secret": ""}, {"secret": "None"}, {"secret": "open sesamé"}):
            with pytest.raises(Rejected, match="network throttling is not allowed") as caught:
                await client.request(method, **data)
            assert caught.value.code == 403
    await client.close()
    await server.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"rtt": 100}, "rtt cannot be changed"),
        ({"packetLoss": 101}, "packetLoss is 101 percent, expected 0 to 100"),
        ({"packetLoss": -1}, "packetLoss is -1 percent"),
        ({"uplink": 0}, "uplink is 0 kbit/s, expected at least 1"),
        ({"options": {"down": -5}}, "downlink is -5 kbit/s"),
        ({"downlink": 1e300}, "downlink is 1e"),
        ({"uplink": "fast"}, "Expected `float | null`"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_is_throttled(
    tmp_path: Path, data: dict[str, object], reason: str
) -> None:
    server = DemoServer(free_ports(tmp_path, network_throttle_secret="s"))
    await server.start()
    client = await RoomClient.connect(ws_url(server), "r", "a")
    with pytest.raises(Rejected, match=reason):
        await client.request("applyNetworkThrottle", secret="s", **data)
    assert not server.rooms.shared.throttle.in_force
    await client.close()
    await server.close()


async def test_a_machine_without_iptables_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    throttle = NetworkThrottle("s", ["127.0.0.1"], lambda: [(40_000, 40_000)])
    with pytest.raises(ThrottleError, match="iptables: No such file"):
        await throttle.apply("me", Conditions(packet_loss=1))
    assert not throttle.in_force
