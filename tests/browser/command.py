"""What the commands of this folder have in common: a browser, a cluster, and how busy the machine was meanwhile.

Where others keep the machine busy, ``chrt -r 10`` before a command lets it, and what it starts, go first (as root).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from playwright.async_api import async_playwright

from native.extensions import build
from tests.browser.cluster import Cluster, running
from tests.browser.page_build import build_page
from tests.browser.people import CHROMIUM, FLAGS, Crowd
from tests.chaos.machine import OthersLoad


@asynccontextmanager
async def crowd_and_cluster() -> AsyncIterator[tuple[Crowd, Cluster]]:
    """People and three servers; prints how busy the machine was."""
    async with async_playwright() as playwright, running(Cluster()) as cluster:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        others = OthersLoad()
        yield Crowd(browser), cluster
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, of which others used {others.share():.0%}")
        await browser.close()


def run_command(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Awaitable[bool]]) -> None:
    """Reads the arguments, builds what is stale, runs, and ends the process: with 1 when it was not good.

    Args:
        parser: Knows the command's own arguments.
        run: What it does; gives whether it was good.
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments = parser.parse_args()
    build()
    build_page()

    async def judged() -> bool:
        return await run(arguments)

    sys.exit(not asyncio.run(judged()))
