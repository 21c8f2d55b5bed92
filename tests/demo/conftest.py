"""A running demo server on free ports, with real workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from tests.patience import PATIENCE_S


def free_ports(data_dir: Path, **settings: object) -> Settings:
    """Settings for a server that disturbs nobody; media on 127.0.0.1 only."""
    given = {"workers": 1, "media_ip": ["127.0.0.1"], "https": False, "webrtc_server_port": 0, **settings}
    return Settings(data_dir=data_dir, http_port=0, https_port=0, **given)  # type: ignore[arg-type]


def ws_url(server: DemoServer, scheme: str = "http") -> str:
    """The address for protoo clients."""
    url = next(url for url in server.urls if urlsplit(url).scheme == scheme)
    return url.replace("http", "ws", 1).replace("localhost", "127.0.0.1")


async def counted(server: DemoServer, name: str, **labels: str) -> float:
    """What one of the server's counters shows at /metrics."""
    url = next(url for url in server.urls if urlsplit(url).scheme == "http").replace("localhost", "127.0.0.1")
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        text = (await http.get(f"{url}/metrics")).text
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    line = f"miso_{name}_total{{{shown}}} " if shown else f"miso_{name}_total "
    return next((float(one.removeprefix(line)) for one in text.splitlines() if one.startswith(line)), 0.0)


SPREAD: Mapping[str, object] = {"workers": 2, "spread_viewers_at": 0, "spread_senders_at": 0, "spread_gain": 0}
"""Each who comes goes to the worker with the least to do, of two."""


@pytest.fixture
def server_settings() -> Mapping[str, object]:
    """What is special about the server of a module, which has a fixture of this name then."""
    return {}


@pytest.fixture
async def server(tmp_path: Path, server_settings: Mapping[str, object]) -> AsyncIterator[DemoServer]:
    server = DemoServer(free_ports(tmp_path, **server_settings))
    await server.start()
    yield server
    await server.close()


@pytest.fixture
def url(server: DemoServer) -> str:
    return ws_url(server)
