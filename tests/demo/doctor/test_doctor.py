"""``controller doctor`` as an operator runs it: the command, a real Redis, hosts that live there, and what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from miso.cluster.directory.redis.keys import NODE_FACTS
from miso.cluster.facts import NodeFact
from miso.demo.doctor.command import examine
from miso.demo.doctor.finding import Finding, State, has_failed
from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from tests.cluster.directory.recorder import until
from tests.cluster.directory.redis.certificates import Authority
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.cluster.directory.redis.world import RedisWorld
from tests.demo.conftest import free_ports

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT_S = 60
COMMAND = re.compile(rb"(?:^|\n)\*\d+\r\n")
"""Where a command begins in what is sent to Redis."""


@asynccontextmanager
async def redis(*arguments: str, plain: bool = True) -> AsyncIterator[RedisServer]:
    server = RedisServer(*arguments, plain=plain)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def look(settings: Settings) -> dict[str, Finding]:
    """The findings, by what was looked at; each is there once."""
    findings = [finding async for finding in examine(settings)]
    assert len({finding.what for finding in findings}) == len(findings)
    return {finding.what: finding for finding in findings}


async def doctor(*arguments: str) -> tuple[int | None, list[str], str]:
    """Runs the command: its exit code, its lines, and what went to standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "miso.demo", "doctor", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    return process.returncode, out.decode().splitlines(), err.decode()


async def test_of_a_machine_that_is_well_each_line_is_ok_or_a_warning(tmp_path: Path) -> None:
    async with redis() as store:
        code, lines, errors = await doctor(
            *("--data-dir", str(tmp_path), "--media-ip", "127.0.0.1", "--workers", "1", "--webrtc-server-port", "0"),
            *("--https-port", "0", "--http-port", "0", "--redis", store.url),
        )
        keys = await store.keys()
    assert (code, errors, keys) == (0, "", [])
    assert {line.split()[0] for line in lines} == {"ok", "warning"}
    for line in (
        "ok       media address 127.0.0.1: UDP works",
        "ok       redis commands: all that is needed is allowed, and done",
        "ok       hosts: no other one lives",
        "warning  cluster address 127.0.0.1: only Misos on this machine reach it: --cluster-address names another one",
    ):
        assert line in lines
    assert any(line.startswith(f"ok       redis: {store.url} answers") for line in lines)


async def test_what_fails_is_told_with_what_to_do_and_the_exit_code_is_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines, _ = await doctor(
            *("--data-dir", str(tmp_path), "--media-ip", "127.0.0.1", "--no-https", "--http-port", str(port)),
            *("--redis", "redis://:s3cret@127.0.0.1:1", "--cluster-address", "192.0.2.77"),
        )
    assert code == 1
    failed = [line for line in lines if line.startswith("failed")]
    assert len(failed) == 3
    assert f"port {port}" in failed[0]
    assert "choose another with --http-port (a program that listens on TCP has it)" in failed[0]
    assert "cannot listen on --cluster-address 192.0.2.77" in failed[1]
    assert failed[2].startswith("failed   redis: redis://127.0.0.1:1: ")
    assert "is it there" in failed[2]
    assert "s3cret" not in "\n".join(lines)


async def test_wrong_settings_are_told_as_by_the_server() -> None:
    code, lines, errors = await doctor("--redis", "http://127.0.0.1")
    assert (code, lines) == (2, [])
    assert "--redis: 'http' is no scheme of an address of Redis" in errors
    code, lines, _ = await doctor("--help")
    assert code == 0
    assert lines[0] == "usage: controller doctor [--FLAG VALUE]…"


async def test_a_redis_that_wants_a_password_or_tls_is_told_apart(tmp_path: Path) -> None:
    async with redis("--requirepass", "right") as store:
        for url in (store.url, f"redis://:wrong@127.0.0.1:{store.port}"):
            found = (await look(free_ports(tmp_path, redis=url)))["redis"]
            assert found.state is State.FAILED
            assert "its address has the password before the host" in found.text
        right = f"redis://:right@127.0.0.1:{store.port}"
        assert (await look(free_ports(tmp_path, redis=right)))["redis"].state is State.OK
        tls = (await look(free_ports(tmp_path, redis=right.replace("redis:", "rediss:"))))["redis"]
        assert tls.state is State.FAILED
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("redis")
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority.path))
    async with redis(*files, "--tls-auth-clients", "no", plain=False) as store:
        url = f"rediss://127.0.0.1:{store.port}"
        found = (await look(free_ports(tmp_path, redis=url)))["redis"]
        assert found.state is State.FAILED
        assert "name the authority" in found.text
        found = (await look(free_ports(tmp_path, redis=f"{url}?ssl_ca_certs={authority.path}")))["redis"]
        assert found.state is State.OK
        assert "over TLS" in found.text
        found = (await look(free_ports(tmp_path, redis=f"{url}?ssl_ca_certs={tmp_path}/none.pem")))["redis"]
        assert found.state is State.FAILED
        assert "a file of TLS cannot be read" in found.text


async def test_a_user_who_may_not_do_all_is_found_out(tmp_path: Path) -> None:
    async with redis() as store:
        await store.run("ACL", "SETUSER", "miso", "on", ">pass", "~miso:1:*", "+@all", "-xadd", "-info")
        findings = await look(free_ports(tmp_path, redis=f"redis://miso:pass@127.0.0.1:{store.port}"))
        assert findings["redis commands"].state is State.FAILED
        assert "xadd" in findings["redis commands"].text.lower()
        assert findings["redis version"].state is State.WARNING
        assert findings["redis memory"].state is State.WARNING
        assert await store.keys() == []


async def test_a_redis_that_forgets_or_is_full_is_found_out(tmp_path: Path) -> None:
    async with redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as store:
        findings = await look(free_ports(tmp_path, redis=store.url))
        assert findings["redis memory"].state is State.OK
        assert findings["redis policy"].state is State.WARNING
        assert "maxmemory-policy noeviction" in findings["redis policy"].text
        await store.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await store.run("CONFIG", "SET", "maxmemory", "1mb")
        findings = await look(free_ports(tmp_path, redis=store.url))
        assert findings["redis policy"].state is State.OK
        assert findings["redis memory"].state is State.WARNING
        assert findings["redis commands"].state is State.FAILED


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b":5\r\n", ""),
        (b"*3\r\n$1\r\na\r\n*0\r\n:9\r\n", ""),
        (b"+OK\r\n", ""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers is no Redis"),
        (b"-ERR \x1b[2Jno\r\n", "is needed"),
    ],
)
async def test_what_is_no_redis_is_told_of_and_ends_nothing(tmp_path: Path, answer: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while asked := await reader.read(65_536):
                writer.write(answer * len(COMMAND.findall(asked)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        findings = await look(free_ports(tmp_path, redis=f"redis://127.0.0.1:{port}"))
    assert has_failed(findings.values())
    if words:
        assert words in findings["redis"].text
        assert "\x1b" not in findings["redis"].line
    else:
        assert findings["redis commands"].state is State.FAILED


async def test_the_other_hosts_are_told_of_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    world = RedisWorld()
    await world.start()
    try:
        for name, ip in (("near", "127.0.0.2"), ("own", "127.0.0.9"), ("lost", "not an\naddress"), ("mute", "")):
            node = await world.node(name)
            if ip:
                node.announce(NodeFact(node=node.node, name=name, region="eu", version="1.0", ip=ip))
        await until_told(world.server, 3)
        findings = await look(
            free_ports(tmp_path, redis=world.server.url, node_name="own", cluster_address="127.0.0.1")
        )
        assert findings["host near"] == Finding(State.OK, "host near", "127.0.0.2 (eu, Miso 1.0): datagrams get there")
        assert findings["host name"].state is State.FAILED
        assert "own is the name of another host at 127.0.0.9" in findings["host name"].text
        assert findings["host lost"].state is State.FAILED
        assert "\n" not in findings["host lost"].line
        assert findings["host"].text.startswith("mute: it lives, and says nothing of itself")
        assert has_failed(findings.values())
    finally:
        await world.close()


async def until_told(store: RedisServer, count: int) -> None:
    """Waits until so many hosts have said something of themselves."""
    async with asyncio.timeout(TIMEOUT_S):
        while await store.run("HLEN", NODE_FACTS) != count:  # noqa: ASYNC110  # Redis tells nobody
            await asyncio.sleep(0.05)


async def test_beside_a_running_miso_its_ports_and_its_name_are_its_own(tmp_path: Path) -> None:
    async with redis() as store:
        common = {
            "redis": store.url,
            "node_name": "a",
            "cluster_address": "127.0.0.1",
            "drain_timeout": 0,
            "https": True,
        }
        server = DemoServer(free_ports(tmp_path, **common))
        await server.start()
        try:
            await until(lambda: server.directory.node in server.directory.nodes)
            await until_told(store, 1)
            ports = {url.partition(":")[0]: int(url.rpartition(":")[2]) for url in server.urls}
            settings = free_ports(tmp_path, **common).model_copy(
                update={"http_port": ports["http"], "https_port": ports["https"]}
            )
            findings = await look(settings)
            for name in ("http", "https"):
                assert findings[f"{name}-port"] == Finding(
                    State.OK, f"{name}-port", f"a Miso that runs here has port {ports[name]}"
                )
            assert findings["host name"].state is State.OK
            assert server.directory.node in findings["host name"].text
            assert not has_failed(findings.values())
        finally:
            await server.close()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_media_port_that_somebody_has_is_a_warning(tmp_path: Path, kind: socket.SocketKind) -> None:
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        port = min(taken.getsockname()[1], 65_000)
        findings = await look(free_ports(tmp_path, webrtc_server_port=port, workers=3))
    found = findings["media ports"]
    assert found.state is State.WARNING
    assert f"{port} is taken" in found.text
    assert "--webrtc-server-port" in found.text
