"""Other servers for relays to come from and go to: nginx with its RTMP module, and ports to be had."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from miso.live.engine.services import Live
from miso.live.relay.plugin import RelayPlugin
from miso.live.relay.relay import Relay
from miso.live.relay.settings import RelaySettings
from tests.live.rtmp_server.programs import running
from tests.live.rtmp_server.serving import until
from tests.ports import free_ports

MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_CONFIGURATION = """
load_module {module};
daemon off;
master_process off;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 64; }}
rtmp {{ server {{
    listen 127.0.0.1:{port};
    application live {{ live on; }}
}} }}
"""
needs_nginx = pytest.mark.skipif(not MODULE.exists(), reason="nginx has no RTMP module")


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[int]:
    """Runs it; gives its port. Its application is ``live``."""
    port = free_ports()
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(module=MODULE, folder=folder, port=port))
    async with running("nginx", "-p", folder, "-c", configuration):
        await until(lambda: listens(port))
        yield port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def relaying(live: Live, **settings: object) -> AsyncIterator[RelayPlugin]:
    """Runs the plugin, with pauses for a test's patience."""
    given = RelaySettings.model_validate({"first_pause": 0.05, "longest_pause": 0.2, **settings})
    plugin = RelayPlugin(live, given, lambda: 0.5)
    await plugin.start()
    task = asyncio.create_task(plugin.run())
    try:
        yield plugin
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await plugin.stop()
        await plugin.stop()
    assert list(plugin) == []


def the_relay(plugin: RelayPlugin) -> Relay:
    (relay,) = plugin
    return relay
