"""A running server with live streams and its bridge to the rooms, and no other plugin."""

from __future__ import annotations

from pathlib import Path

from miso.demo.server import DemoServer
from miso.live.bridge.plugin import RoomsPlugin
from miso.live.engine.settings_model import live_settings_model
from tests.demo.conftest import free_ports


def bridged_server(data_dir: Path, *, rooms: dict[str, object], **settings: object) -> DemoServer:
    """One that is still to be started.

    Args:
        data_dir: Where it keeps its files.
        rooms: Settings of ``[live.rooms]``.
        settings: More of its own.
    """
    live = live_settings_model([RoomsPlugin]).model_validate({"rooms": rooms})
    return DemoServer(free_ports(data_dir, live=live, **settings), [RoomsPlugin])
