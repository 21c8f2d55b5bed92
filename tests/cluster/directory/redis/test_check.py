"""What an operator is told of a Redis before hosts use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from miso.cluster.directory.redis.check import check_redis
from tests.cluster.directory.redis.pair import pair_in
from tests.cluster.directory.redis.redis_server import RedisServer, free_port
from tests.cluster.directory.redis.world import RedisWorld


async def found(address: str) -> list[tuple[bool, str]]:
    return [(finding.is_good, finding.text) async for finding in check_redis(address)]


async def test_a_good_redis_and_the_hosts_on_it(world: RedisWorld) -> None:
    before = await world.server.keys()
    findings = await found(world.server.url)
    assert await world.server.keys() == before
    texts = [text for _, text in findings]
    assert texts[0] == f"Redis at {world.server.url} answers"
    assert any(text.startswith("it is of version ") for text in texts)
    assert texts[-1] == "0 hosts share rooms over it"
    assert all(is_good for is_good, text in findings if not text.startswith("an answer takes"))
    pair = await pair_in(world)
    last = (await found(world.server.url))[-1][1]
    assert last == f"2 hosts share rooms over it: {pair.one.directory.node}, {pair.other.directory.node}"


async def test_redis_that_throws_keys_away() -> None:
    server = RedisServer("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    await server.start()
    bad = [text for is_good, text in await found(server.url) if not is_good and "maxmemory" in text]
    assert len(bad) == 1
    assert "set noeviction" in bad[0]
    await server.close()


async def test_a_user_who_may_not_ask_for_the_version() -> None:
    server = RedisServer("--user", "miso", "on", ">pw", "~miso:1:*", "+@all", "-@dangerous", "-@admin")
    await server.start()
    findings = await found(f"redis://miso:pw@127.0.0.1:{server.port}")
    assert (True, "its version and its limit of memory are not told to this user (INFO)") in findings
    await server.close()


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("http://h", "'http' is no scheme of an address of Redis"),
        (f"redis://127.0.0.1:{free_port()}", "Connect call failed"),
        ("rediss://127.0.0.1?ssl_ca_certs=/nowhere.pem", "a file of TLS cannot be read: ssl_ca_certs=/nowhere.pem"),
    ],
)
async def test_what_is_wrong_is_the_only_finding(address: str, text: str) -> None:
    ((is_good, said),) = await found(address)
    assert not is_good
    assert text in said


async def test_redis_that_lacks_a_command() -> None:
    server = RedisServer("--rename-command", "XTRIM", '""')
    await server.start()
    is_good, said = (await found(server.url))[-1]
    assert not is_good
    assert "it does not do what hosts ask of it" in said
    await server.close()


def test_the_command_says_how_it_is_used() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "miso.cluster.directory.redis"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 2
    assert ran.stdout.startswith("usage: ")


def test_the_command_tells_by_its_exit_code() -> None:
    command = [sys.executable, "-m", "miso.cluster.directory.redis", f"redis://127.0.0.1:{free_port()}"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stdout.startswith("BAD ")
