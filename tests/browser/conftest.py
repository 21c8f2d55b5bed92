"""One browser per module, pages per test, servers per module."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.page_build import build_page
from tests.browser.people import CHROMIUM, FLAGS, Crowd
from tests.browser.server import DemoServer, running


@pytest.fixture(scope="session")
def built_page() -> None:
    build_page()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing: on Debian, apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(browser: Browser) -> AsyncIterator[Crowd]:
    crowd = Crowd(browser)
    yield crowd
    await crowd.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(built_page: None) -> AsyncIterator[DemoServer]:
    """Two workers, one media port each."""
    async with running(DemoServer(workers=2)) as server:
        yield server


# Offered both, Chromium weighs networks before protocols: when it got no UDP socket on the Ethernet network (about one
# connection in 150 here), it takes TCP over that rather than UDP over the loopback network, which it calls expensive.
# So a page is offered the one protocol whose path is under test: TCP where it asks for it.
ONE_PROTOCOL = ("--no-tcp",)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_port_server(built_page: None) -> AsyncIterator[DemoServer]:
    """One worker with one media port, which offers one protocol."""
    async with running(DemoServer(workers=1, arguments=ONE_PROTOCOL)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_ports_server(built_page: None) -> AsyncIterator[DemoServer]:
    """One worker, a media port per transport, which offers one protocol."""
    async with running(DemoServer(workers=1, webrtc_server=False, arguments=ONE_PROTOCOL)) as server:
        yield server
