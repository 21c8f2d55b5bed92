"""``python -m miso.live``: the live side alone, without rooms and media workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from pydantic import Field, create_model

from miso.commands.beginning import WRONG_SETTINGS, begin
from miso.commands.command_line import CommandLine, CommandSettings
from miso.commands.log_output import LogOutput
from miso.commands.process import fill_standard_descriptors, freeze_what_stays, loop_factory
from miso.commands.signals import stop_by_signals
from miso.live.engine.engine import Engine
from miso.live.engine.known_plugins import KnownPlugins, find_plugins
from miso.live.engine.settings import LiveSettings
from miso.live.engine.settings_model import live_settings_model
from miso.live.plugins import OWN_PLUGINS

logger = logging.getLogger("miso.live")

FAILED = 1

_EPILOG = """\
Each flag is also an environment name (MISO_LIVE__RTMP__PORT=1935) and a line of the TOML file (port = 1935 below
[live.rtmp]). Flags win over the environment, which wins over the file. Exit codes: 0 after a signal, 1 nothing could
start, 2 wrong settings. What publishers and players do, tokens, and every setting: docs/live.md"""


class AloneSettings(CommandSettings):
    """Takes live streams in and gives them out again, without rooms."""

    live: LiveSettings = Field(LiveSettings(), description="the live side")


def command_line(plugins: KnownPlugins) -> CommandLine[AloneSettings]:
    """How ``python -m miso.live`` gets its settings."""
    live = live_settings_model(plugins.classes)
    model = create_model(
        "AloneSettings",
        __base__=AloneSettings,
        __doc__=AloneSettings.__doc__,
        live=(live, Field(live(), description="the live side")),
    )
    return CommandLine("miso.live", model, _EPILOG)


def run(arguments: Sequence[str]) -> int:
    """Does what :func:`miso.live.__main__.main` promises."""
    fill_standard_descriptors()
    plugins = find_plugins(OWN_PLUGINS)
    begun = begin(command_line(plugins), arguments, plugins.problems)
    if begun is None:
        return WRONG_SETTINGS
    settings, output = begun
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings.live, plugins, output))
    finally:
        output.close()


async def _serve(settings: LiveSettings, plugins: KnownPlugins, output: LogOutput) -> int:
    stop = stop_by_signals(output)
    engine = Engine(settings, plugins.classes)
    starting = asyncio.create_task(engine.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    await asyncio.wait({starting})
    exit_code = 0
    if not stop.is_set():
        if engine.running and (engine.live.ports or not engine.failures):
            freeze_what_stays()
            logger.info("running: %s", ", ".join(plugin.name for plugin in engine.running))
            await stopping
        else:
            logger.error("cannot start: %s", "nothing listens" if engine.running else "no plugin runs")
            stopping.cancel()
            exit_code = FAILED
    await engine.stop()
    return exit_code
