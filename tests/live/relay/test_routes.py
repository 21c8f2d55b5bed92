"""Operators begin, list and end relays over HTTP, as clients of Node-Media-Server do; nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from miso.live.relay.plugin import RelayPlugin
from miso.live.relay.relay import RelayState
from miso.live.sessions.session import Role
from tests.live.relay.peers import relaying, the_relay
from tests.live.rtmp_server.serving import Serving, serve, until
from tests.live.streams.packets import picture, video_config
from tests.ports import free_ports

RELAY = "/api/v1/relay"


class House:
    """Attributes: ``near`` has the relays, and ``far`` is where they go and come from."""

    def __init__(self, near: Serving, far: Serving, plugin: RelayPlugin, http: httpx.AsyncClient) -> None:
        self.near = near
        self.far = far
        self.plugin = plugin
        self.http = http

    async def ask(self, method: str, path: str = "", status: int = 200, **body: object) -> Any:
        answer = await self.http.request(method, RELAY + path, json=body or None)
        assert answer.status_code == status, answer.text
        said = answer.json()
        assert said["success"] == (status == 200)
        return said["data"] if status == 200 else said["error"]


@asynccontextmanager
async def house(**settings: object) -> AsyncIterator[House]:
    async with serve() as near, serve() as far, relaying(near.live, **settings) as plugin:
        transport = httpx.ASGITransport(near.live.web, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield House(near, far, plugin, http)


def publish(serving: Serving, path: str) -> None:
    publication = serving.live.streams.publish(path, lambda: None)
    publication.write(video_config())
    publication.write(picture(0, key=True))


async def test_a_stream_is_pulled_until_the_operator_ends_it() -> None:
    async with house() as at:
        publish(at.far, "live/b")
        begun = await at.ask("POST", url=at.far.url("live/b"), streamPath="/live/a")
        assert (begun["taskKey"], begun["mode"], begun["protocol"]) == ("/live/a", "pull", "rtmp")
        await until(lambda: at.near.packets("live/a") > 0)
        (listed,) = await at.ask("GET")
        assert (listed["state"], listed["isRunning"], listed["wantedBy"]) == ("running", True, "operator")
        assert listed["inBytes"] > 0
        assert listed["id"] == at.near.live.sessions.of("live/a")[0].id
        assert await at.ask("GET", "//live/a") == await at.ask("GET", "/live/a")
        await at.ask("DELETE", streamPath="/live/a")
        await at.ask("DELETE", status=404, streamPath="/live/a")
        assert await at.ask("GET") == []
        await until(lambda: at.far.live.sessions.count(Role.PLAYER) == 0)


async def test_a_stream_is_pushed_and_its_key_is_not_told() -> None:
    async with house() as at:
        publish(at.near, "live/a")
        url = at.far.url("live/secret-key")
        begun = await at.ask("POST", mode="push", url=url, streamPath="/live/a")
        await until(lambda: at.far.packets("live/secret-key") > 0)
        text = (await at.http.get(RELAY)).text
        assert "secret-key" not in text
        assert begun["taskKey"].startswith("push:")
        await at.ask("DELETE", mode="push", url=url)
        assert list(at.plugin) == []
        again = await at.ask("POST", mode="push", url=url, streamPath="/live/a")
        await at.ask("DELETE", taskKey=again["taskKey"])
        more = await at.ask("POST", mode="push", url=url, streamPath="/live/a")
        await at.ask("DELETE", f"/{more['taskKey']}")
        assert list(at.plugin) == []


async def test_relays_of_settings_are_shown_and_the_same_is_not_begun_twice() -> None:
    url = f"rtmp://127.0.0.1:{free_ports()}/live/x"
    async with house(pull=[{"stream": "live/a", "url": url}]) as at:
        await until(lambda: the_relay(at.plugin).state is RelayState.FAILED)
        (listed,) = await at.ask("GET")
        assert (listed["wantedBy"], listed["reconnectAttempts"] > 0) == ("settings", True)
        assert (await at.ask("POST", url=url, streamPath="live/a"))["taskKey"] == "/live/a"
        assert len(list(at.plugin)) == 1
        assert "another server" in await at.ask("POST", status=409, url=f"{url}y", streamPath="live/a")


@pytest.mark.parametrize(("more", "failures"), [({"reconnect": False}, 1), ({"maxReconnectAttempts": 2}, 3)])
async def test_what_does_not_come_about_ends_and_its_reason_stays(more: dict[str, object], failures: int) -> None:
    async with house() as at:
        asked: dict[str, Any] = {"url": f"rtmp://127.0.0.1:{free_ports()}/live/x", "streamPath": "/live/a", **more}
        await at.ask("POST", **asked)
        await until(lambda: list(at.plugin) == [])
        (ended,) = await at.ask("GET")
        assert (ended["state"], ended["reconnectAttempts"], ended["isRunning"]) == ("ended", failures, False)
        assert ended["reason"]
        assert ended["endTime"] >= ended["createTime"]
        await at.ask("POST", **asked)
        await until(lambda: list(at.plugin) == [])
        assert len(await at.ask("GET")) == 1
        await at.ask("DELETE", streamPath="/live/a")
        assert await at.ask("GET") == []


async def test_no_more_than_may() -> None:
    async with house(max_relays=1) as at:
        url = f"rtmp://127.0.0.1:{free_ports()}/live/x"
        await at.ask("POST", url=url, streamPath="/live/a")
        assert "1 relays" in await at.ask("POST", status=503, url=url, streamPath="/live/b")
        assert at.plugin.refused == 1


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({}, "url"),
        ({"url": "rtmp://host/live/x"}, "streamPath"),
        ({"url": "rtsp://host/live/SECRET", "streamPath": "/live/a"}, "rtsp"),
        ({"url": "rtmp://user@host/live/SECRET", "streamPath": "/live/a"}, "@"),
        ({"url": "rtmp://host:99999/live/SECRET", "streamPath": "/live/a"}, "url"),
        ({"url": "rtmp://host/live/x", "streamPath": "//a"}, "streamPath"),
        ({"url": "rtmp://host/live/x", "streamPath": "/live/a", "mode": "both"}, "mode"),
        ({"url": "rtmp://host/live/x", "streamPath": "/live/a", "reconnectInterval": 1}, "reconnectInterval"),
        ({"url": "rtmp://host/live/x", "streamPath": "/live/a", "other": 1}, "other"),
        ({"url": "rtmp://host/" + "x" * 5_000, "streamPath": "/live/a"}, ""),
    ],
)
async def test_what_cannot_be_relayed(body: dict[str, object], what: str) -> None:
    async with house() as at:
        answer = await at.http.post(RELAY, json=body)
        assert answer.status_code in (400, 413)
        assert what in answer.json()["error"]
        assert "SECRET" not in answer.text
        assert list(at.plugin) == []


@pytest.mark.parametrize("body", [{}, {"url": "http://host"}])
async def test_what_cannot_be_ended(body: dict[str, object]) -> None:
    async with house() as at:
        assert (await at.http.request("DELETE", RELAY, json=body)).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/live/a"), ("DELETE", "/live/a")]
)
async def test_nobody_else_may(method: str, path: str) -> None:
    async with house() as at:
        transport = httpx.ASGITransport(at.near.live.web, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as stranger:
            body = {"url": "rtmp://host/live/x", "streamPath": "/live/a"}
            assert (await stranger.request(method, RELAY + path, json=body)).status_code == 403
        assert list(at.plugin) == []
