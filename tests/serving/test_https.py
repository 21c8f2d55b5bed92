"""Page and signaling over TLS with the self-made certificate."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from miso.demo.server import DemoServer
from miso.serving.tls_listener import TlsListener
from tests.demo.client import RoomClient
from tests.demo.conftest import counted, free_ports
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_who_trusts_the_certificate_gets_page_and_signaling(tmp_path: Path, host: str) -> None:
    server = DemoServer(free_ports(tmp_path, https=True, http=False))
    await server.start()
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "cert.pem")
    assert {urlsplit(url).hostname for url in server.urls} >= {"localhost", "127.0.0.1"}
    port = urlsplit(server.urls[0]).port
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=PATIENCE_S) as http:
        health = await http.get(f"https://{host}:{port}/healthz")
        assert health.json()["status"] == "ok"
        page = await http.get(f"https://{host}:{port}/?roomId=r&displayName=N")
        assert page.headers["Content-Type"].startswith("text/html")
    address = f"wss://{host}:{port}/?roomId=r&peerId=a"
    client = RoomClient(await connect(address, subprotocols=[Subprotocol("protoo")], ssl=trust, proxy=None))
    await client.join()
    await client.close()
    await server.close()


async def test_connections_that_say_nothing_count_before_their_tls_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TlsListener, "HANDSHAKE_S", 2.0)
    server = DemoServer(free_ports(tmp_path, https=True, max_sockets_per_address=3))
    await server.start()
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "cert.pem")
    port = next(urlsplit(url).port for url in server.urls if url.startswith("https"))
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await cut_off(reader)
    writer.close()
    for reader, _ in silent:  # they have had their time
        assert await cut_off(reader)
    assert await counted(server, "refusals", limit="sockets_per_address") == 1
    assert await counted(server, "refusals", limit="tls_handshake") >= 3
    monkeypatch.undo()
    async with httpx.AsyncClient(
        verify=trust, trust_env=False, timeout=PATIENCE_S
    ) as http:  # and their places are free again
        assert (await http.get(f"https://localhost:{port}/health")).status_code == 200
    for _, writer in silent:
        writer.close()
    await server.close()


async def test_a_request_right_behind_the_tls_handshake_is_answered(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, https=True, http=False))
    await server.start()
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "cert.pem")
    port = urlsplit(server.urls[0]).port
    for _ in range(10):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not finished(tls):
            writer.write(outgoing.read())
            incoming.write(await asyncio.wait_for(reader.read(65536), PATIENCE_S))
        tls.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        writer.write(outgoing.read())  # the end of the handshake and the request in one segment
        said = b""
        while b"\r\n\r\n" not in said:
            incoming.write(await asyncio.wait_for(reader.read(65536), PATIENCE_S))
            with contextlib.suppress(ssl.SSLWantReadError):  # session tickets come first
                said += tls.read(65536)
        assert said.startswith(b"HTTP/1.1 200")
        writer.close()
    await server.close()


def finished(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


async def cut_off(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
    except ConnectionResetError:
        return True
