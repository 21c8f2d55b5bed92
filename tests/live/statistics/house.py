"""A live side with the operators' API on a real port, and a way to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette

from miso.live.access.settings import AccessSettings
from miso.live.engine.services import make_live
from miso.live.engine.settings_model import live_settings_model
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.operators.settings import OperatorsSettings
from miso.live.plugins import OWN_PLUGINS
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.statistics.api import StatisticsApi
from miso.live.statistics.settings import StatisticsSettings
from miso.live.streams.publication import Publication
from miso.live.web.settings import WebSettings
from miso.serving.http_server import HttpServer
from miso.serving.listening import listen_locally
from tests.live.media import records
from tests.patience import PATIENCE_S

ANYBODY = AccessSettings()


class House:
    """Attributes: ``now_s`` is the time that is told; it goes on when it is set."""

    http: httpx.AsyncClient

    def __init__(
        self,
        secret: str | None,
        trusted_proxies: tuple[str, ...],
        access: AccessSettings,
        settings: dict[str, object],
    ) -> None:
        self.now_s = 1_000.0
        operators = OperatorsSettings(secret=SecretStr(secret) if secret else None)
        web = WebSettings(trusted_proxies=trusted_proxies)
        model = live_settings_model(OWN_PLUGINS)
        self.live = make_live(
            model(operators=operators, web=web, access=access), asyncio.get_running_loop(), lambda: self.now_s
        )
        self.api = StatisticsApi(self.live, StatisticsSettings.model_validate(settings))

    async def get(self, path: str, status: int = 200, **more: Any) -> Any:
        response = await self.http.get(f"/api/v1{path}", **more)
        assert response.status_code == status, response.text
        return response.json()["data"]

    async def delete(self, path: str, status: int = 200) -> Any:
        response = await self.http.delete(f"/api/v1{path}")
        assert response.status_code == status, response.text
        return response.json()["data"]

    def session(self, role: Role, path: str = "live/a") -> Session:
        """One whose connection is let go of when it is kicked."""
        session = self.live.sessions.open("rtmp", "192.0.2.1", role, path, lambda: None)
        session.begin()
        return session

    def publish(self, path: str = "live/a") -> Publication:
        """Two seconds of pictures, 25 a second and 1000 bytes each with a key frame each second, and some sound."""
        publication = self.live.streams.publish(path, lambda: None)
        video, audio = TrackId(Kind.VIDEO), TrackId(Kind.AUDIO)
        publication.write(Packet(video, Codec.H264, 0, records.H264, is_config=True))
        publication.write(Packet(audio, Codec.AAC, 0, records.AAC, is_config=True))
        for number in range(51):
            publication.write(Packet(video, Codec.H264, number * 40, bytes(1000), is_key=number % 25 == 0))
            publication.write(Packet(audio, Codec.AAC, number * 40, bytes(100), is_key=True))
        return publication


@asynccontextmanager
async def running(
    secret: str | None = None,
    trusted_proxies: tuple[str, ...] = (),
    access: AccessSettings = ANYBODY,
    **settings: object,
) -> AsyncIterator[House]:
    house = House(secret, trusted_proxies, access, settings)
    house.api.history.begin(house.live.events)
    listening = listen_locally(0, "http-port")
    app = Starlette(routes=house.api.routes)
    server = HttpServer(app, listening, None, lambda host: lambda: None, lambda detail: None)
    await server.start()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{listening.port}", trust_env=False, timeout=PATIENCE_S
    ) as house.http:
        yield house
    house.api.listeners.close()
    house.api.history.end()
    house.live.streams.close()
    for session in house.live.sessions:
        session.end(EndReason.DONE)
    await server.stop()
