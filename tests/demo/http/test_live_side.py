"""What the live side answers on the room server's ports."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from miso.demo.server import DemoServer
from miso.live.engine.settings_model import live_settings_model
from miso.live.sessions.session import EndReason, Role
from miso.live.statistics.plugin import StatisticsPlugin
from tests.demo.client import RoomClient
from tests.demo.conftest import free_ports
from tests.patience import PATIENCE_S


async def test_operators_api_and_metrics_stand_beside_page_and_signaling(tmp_path: Path) -> None:
    live = live_settings_model([StatisticsPlugin])(operators={"secret": SecretStr("s")})
    settings = free_ports(tmp_path).model_copy(update={"live": live, "trusted_proxies": ["127.0.0.1"]})
    server = DemoServer(settings, [StatisticsPlugin])
    await server.start()
    assert server.live is not None
    session = server.live.live.sessions.open("rtmp", "192.0.2.1", Role.PLAYER, "live/a", lambda: None)
    session.begin()
    assert server.live.live.settings.web.trusted_proxies == ("127.0.0.1",)  # as the room server's own
    async with httpx.AsyncClient(base_url=server.urls[0], trust_env=False, timeout=PATIENCE_S) as http:
        sessions = await http.get("/api/v1/sessions", headers={"Authorization": "Bearer s"})
        assert [shown["id"] for shown in sessions.json()["data"]["sessions"]] == [session.id]
        assert (await http.get("/api/v1/sessions")).status_code == 401
        metrics = (await http.get("/metrics")).text
        assert 'miso_live_sessions{protocol="rtmp",role="player"} 1.0' in metrics
        assert "miso_rooms 0.0" in metrics
        assert (await http.get("/health")).json()["status"] == "ok"
        assert (await http.get("/")).headers["content-type"].startswith("text/html")
    port = urlsplit(server.urls[0]).port
    address = f"ws://127.0.0.1:{port}/api/v1/?roomId=r&peerId=a"  # signaling may use any path that is nobody's
    client = RoomClient(await connect(address, subprotocols=[Subprotocol("protoo")], proxy=None))
    await client.join()
    await client.close()
    session.end(EndReason.DONE)
    await server.close()
