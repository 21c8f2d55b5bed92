"""``controller doctor``: looks at everything, says it line by line, and starts nothing."""

from __future__ import annotations

import asyncio
import datetime
import logging
import socket
import time
from collections.abc import AsyncIterator, Sequence

from miso.commands.beginning import WRONG_SETTINGS, begin
from miso.commands.process import fill_standard_descriptors
from miso.demo.doctor.cluster_address import check_cluster_address
from miso.demo.doctor.finding import Finding, has_failed, ok
from miso.demo.doctor.host import check_addresses_of_media, check_certificates, check_descriptors, check_page
from miso.demo.doctor.others import check_others
from miso.demo.doctor.ports import check_ports
from miso.demo.doctor.store import check_store
from miso.demo.hosts.joining import cluster_address, node_name
from miso.demo.settings import Settings, command_line
from miso.demo.workers.addresses import media_addresses
from miso.live.bridge.plugin import RoomsPlugin
from miso.live.engine.known_plugins import find_plugins
from miso.live.plugins import OWN_PLUGINS

WELL = 0
FAILED = 1


def run(arguments: Sequence[str]) -> int:
    """Looks at everything.

    Args:
        arguments: The command line behind ``doctor``.

    Returns:
        The process's exit code: 0: the server will work, there may be warnings; 1: something will not; 2: wrong
        settings.
    """
    fill_standard_descriptors()
    plugins = find_plugins((*OWN_PLUGINS, RoomsPlugin))
    begun = begin(command_line(plugins.classes, doctor=True), arguments, plugins.problems)
    if begun is None:
        return WRONG_SETTINGS
    settings, output = begun
    logging.getLogger().setLevel(logging.ERROR)  # what is found is said on standard output
    try:
        return asyncio.run(_look(settings))
    finally:
        output.close()


async def _look(settings: Settings) -> int:
    findings = []
    async for finding in examine(settings):
        print(finding.line, flush=True)  # noqa: T201  it is what the command is for
        findings.append(finding)
    return FAILED if has_failed(findings) else WELL


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, as they come.

    Args:
        settings: The server's.
    """
    addresses = media_addresses(settings)
    yield check_descriptors()
    yield check_page()
    for finding in check_certificates(settings, datetime.datetime.now(datetime.UTC)):
        yield finding
    for finding in await check_addresses_of_media(settings, addresses):
        yield finding
    for finding in await check_ports(settings, [address.ip for address in addresses]):
        yield finding
    if settings.redis is None:
        yield ok("cluster", "none: this server is alone (--redis)")
        return
    here = cluster_address(settings, addresses)
    yield await check_cluster_address(here, given=settings.cluster_address is not None)
    url = settings.redis.get_secret_value()
    found, live = await check_store(url, lambda: 1000 * time.time(), time.monotonic)
    for finding in found:
        yield finding
    if live is not None:
        name = node_name(settings, socket.gethostname())
        for finding in await check_others(live, name, here, settings.media_max_port):
            yield finding
