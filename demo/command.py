"""The ``controller`` command: reads the settings, serves, and ends cleanly on SIGTERM, SIGINT and SIGHUP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from miso.cluster.errors import ClusterError
from miso.commands.beginning import WRONG_SETTINGS, begin
from miso.commands.log_output import LogOutput
from miso.commands.process import fill_standard_descriptors, freeze_what_stays, loop_factory
from miso.commands.signals import stop_by_signals
from miso.controller import ControllerError
from miso.demo.server import DemoServer
from miso.demo.settings import Settings, command_line
from miso.live.bridge.plugin import RoomsPlugin
from miso.live.engine.known_plugins import KnownPlugins, find_plugins
from miso.live.plugins import OWN_PLUGINS
from miso.serving.certificate import CertificateError

logger = logging.getLogger("miso.demo")

FAILED = 1


def run(arguments: Sequence[str]) -> int:
    """Does what :func:`miso.demo.__main__.main` promises."""
    fill_standard_descriptors()
    plugins = find_plugins((*OWN_PLUGINS, RoomsPlugin))
    begun = begin(command_line(plugins.classes), arguments, plugins.problems)
    if begun is None:
        return WRONG_SETTINGS
    settings, output = begun
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings, plugins, output))
    finally:
        output.close()


async def _serve(settings: Settings, plugins: KnownPlugins, output: LogOutput) -> int:
    server = DemoServer(settings, () if settings.no_live else plugins.classes)
    stop = stop_by_signals(output, server.kill_workers)  # one that hangs would not notice that its pipes are closed
    starting = asyncio.create_task(server.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
    except asyncio.CancelledError:
        return 0
    except (CertificateError, ClusterError, ControllerError, TypeError, OSError) as error:
        stopping.cancel()
        logger.error("cannot start: %s", error)
        return FAILED
    freeze_what_stays()
    _announce(server)
    await stopping
    await server.drain()
    await server.close()
    return 0


def _announce(server: DemoServer) -> None:
    logger.info("page and signaling: %s", "  ".join(server.urls))
    logger.info("media announced at: %s", "  ".join(address.shown for address in server.workers.addresses))
