"""A running server with live streams, its bridge to the rooms, and an RTMP server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from miso.demo.server import DemoServer
from miso.live.bridge.plugin import RoomsPlugin
from miso.live.engine.plugin import Plugin
from miso.live.engine.settings_model import live_settings_model
from miso.live.rtmp_server.plugin import RtmpServer
from tests.demo.conftest import free_ports

PLUGINS: Sequence[type[Plugin]] = (RtmpServer, RoomsPlugin)


def bridged_server(
    data_dir: Path,
    *,
    rooms: dict[str, object],
    more_live: dict[str, object] | None = None,
    plugins: Sequence[type[Plugin]] = PLUGINS,
    **settings: object,
) -> DemoServer:
    """One that is still to be started.

    Args:
        data_dir: Where it keeps its files.
        rooms: Settings of ``[live.rooms]``.
        more_live: Further sections of ``[live]``.
        plugins: What the live side does.
        settings: More of its own.
    """
    given = {"rooms": rooms, "rtmp": {"host": "127.0.0.1", "port": 0}, **(more_live or {})}
    live = live_settings_model(plugins).model_validate(given)
    return DemoServer(free_ports(data_dir, live=live, **settings), plugins)


def running_bridge(server: DemoServer) -> RoomsPlugin:
    """Its bridge."""
    assert server.live is not None
    return next(plugin for plugin in server.live.running if isinstance(plugin, RoomsPlugin))


def rtmp_url(server: DemoServer, path: str) -> str:
    """Where a stream is published."""
    assert server.live is not None
    rtmp = next(plugin for plugin in server.live.running if isinstance(plugin, RtmpServer))
    return f"rtmp://127.0.0.1:{rtmp.port}/{path}"
