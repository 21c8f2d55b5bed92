"""Page and signaling over TLS with the self-made certificate."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from miso.demo.server import DemoServer
from tests.demo.client import RoomClient
from tests.demo.conftest import free_ports


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_who_trusts_the_certificate_gets_page_and_signaling(tmp_path: Path, host: str) -> None:
    server = DemoServer(free_ports(tmp_path, https=True, http=False))
    await server.start()
    trust = ssl.create_default_context(cafile=tmp_path / "tls" / "cert.pem")
    assert {urlsplit(url).hostname for url in server.urls} >= {"localhost", "127.0.0.1"}
    port = urlsplit(server.urls[0]).port
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        health = await http.get(f"https://{host}:{port}/healthz")
        assert health.json()["status"] == "ok"
        page = await http.get(f"https://{host}:{port}/?roomId=r&displayName=N")
        assert page.headers["Content-Type"].startswith("text/html")
    address = f"wss://{host}:{port}/?roomId=r&peerId=a"
    client = RoomClient(await connect(address, subprotocols=[Subprotocol("protoo")], ssl=trust, proxy=None))
    await client.join()
    await client.close()
    await server.close()
