"""Who Redis lets in, and in what way: passwords, TLS, Unix sockets, versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miso.cluster.directory.redis.redis_directory import RedisDirectory
from miso.cluster.directory.redis.url import parse_url
from miso.cluster.errors import StoreRefusedError
from tests.cluster.directory.recorder import Recorder, shard
from tests.cluster.directory.redis.certificates import Authority
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.cluster.directory.redis.world import QUICK


async def one_sees_the_other(one_url: str, other_url: str) -> None:
    """Two nodes share a room by these addresses."""
    one = RedisDirectory("one-00000001", parse_url(one_url), QUICK)
    other = RedisDirectory("other-00000002", parse_url(other_url), QUICK)
    await one.start()
    await other.start()
    assert not one.is_away
    assert not other.is_away
    seen = Recorder()
    other.enter("room", seen)
    one.enter("room", Recorder()).put(shard(one, "s"))
    await seen.until(lambda it: it.shards() == {("one-00000001", "s")})
    await one.close()
    await seen.until(lambda it: not it.facts)
    await other.close()


async def refusal(url: str) -> str:
    """What an operator is told."""
    directory = RedisDirectory("one-00000001", parse_url(url), QUICK)
    with pytest.raises(StoreRefusedError) as caught:
        await directory.start()
    return str(caught.value)


@pytest.fixture
async def locked() -> AsyncIterator[RedisServer]:
    """A Redis with a password, and with a user who may do a part of it only."""
    users = "on >pw ~miso:1:* +@all -@dangerous -@admin", "on >pw ~other:* +@all"
    server = RedisServer(
        "--requirepass", "se:cr@t", "--user", "miso", *users[0].split(), "--user", "other", *users[1].split()
    )
    await server.start()
    yield server
    await server.close()


async def test_a_password_lets_in(locked: RedisServer) -> None:
    url = f"redis://:se%3Acr%40t@127.0.0.1:{locked.port}"
    await one_sees_the_other(url, f"redis://miso:pw@127.0.0.1:{locked.port}/0")


@pytest.mark.parametrize("who", ["", ":wrong@", "miso:wrong@", "nobody:pw@", "other:pw@"])
async def test_who_is_not_let_in_is_told_so_at_once(locked: RedisServer, who: str) -> None:
    text = await refusal(f"redis://{who}127.0.0.1:{locked.port}")
    assert f"Redis at redis://127.0.0.1:{locked.port}: it does not let us in" in text
    assert "pw" not in text
    assert ":wrong" not in text


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[tuple[RedisServer, Path]]:
    """A Redis with TLS that wants certificates of its clients, too; and the directory with all of them."""
    authority = Authority(tmp_path, "authority")
    Authority(tmp_path, "another")
    certificate, key = authority.sign("server")
    authority.sign("client")
    files = ("--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.path)
    server = RedisServer(*map(str, files), plain=False)
    await server.start()
    yield server, tmp_path
    await server.close()


async def test_tls_with_certificates_on_both_sides(secure: tuple[RedisServer, Path]) -> None:
    server, files = secure
    options = f"ssl_ca_certs={files}/authority.pem&ssl_certfile={files}/client.crt&ssl_keyfile={files}/client.key"
    await one_sees_the_other(
        f"rediss://127.0.0.1:{server.port}?{options}",
        f"rediss://localhost:{server.port}?{options}&ssl_check_hostname=false",
    )


async def test_tls_with_a_server_that_is_not_trusted(secure: tuple[RedisServer, Path]) -> None:
    server, files = secure
    client = f"ssl_certfile={files}/client.crt&ssl_keyfile={files}/client.key"
    text = await refusal(f"rediss://127.0.0.1:{server.port}?ssl_ca_certs={files}/another.pem&{client}")
    assert "no TLS with it" in text
    assert "no TLS with it" in await refusal(f"rediss://127.0.0.1:{server.port}?{client}")


async def test_tls_with_a_server_of_another_name(secure: tuple[RedisServer, Path]) -> None:
    server, files = secure
    text = await refusal(f"rediss://localhost:{server.port}?ssl_ca_certs={files}/authority.pem")
    assert "no TLS with it" in text


async def test_tls_without_the_certificate_that_redis_wants(
    secure: tuple[RedisServer, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """In TLS 1.3 a client hears of it, if at all, after the handshake: perhaps it only sees the connection end."""
    server, files = secure
    url = parse_url(f"rediss://127.0.0.1:{server.port}?ssl_ca_certs={files}/authority.pem")
    directory = RedisDirectory("one-00000001", url, QUICK)
    try:
        await directory.start()
    except StoreRefusedError as error:
        assert "no TLS with it" in str(error)  # noqa: PT017
    else:
        assert directory.is_away
        assert f"Redis at {url} is away" in caplog.text
        await directory.close()


async def test_files_of_tls_that_are_not_there(secure: tuple[RedisServer, Path]) -> None:
    server, _ = secure
    text = await refusal(f"rediss://127.0.0.1:{server.port}?ssl_ca_certs=/nowhere.pem")
    assert "no TLS with it" in text


async def test_a_unix_socket(tmp_path: Path) -> None:
    server = RedisServer("--unixsocket", str(tmp_path / "redis.sock"))
    await server.start()
    await one_sees_the_other(f"unix://{tmp_path}/redis.sock", server.url)
    await server.close()


async def test_another_database_is_another_cluster() -> None:
    server = RedisServer()
    await server.start()
    await one_sees_the_other(f"{server.url}/5", f"{server.url}/5")
    assert await server.keys() == []
    await server.close()


async def test_a_redis_that_cannot_do_what_is_asked() -> None:
    server = RedisServer("--rename-command", "EVAL", '""')
    await server.start()
    text = await refusal(server.url)
    assert "it does not do what is asked, Redis 6.2 or newer is needed" in text
    await server.close()
