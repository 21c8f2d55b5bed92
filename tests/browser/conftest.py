"""One browser for all tests of this package, pages per test, servers shared by the tests that ask the same of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.page_build import build_page
from tests.browser.people import ARRIVAL_TIMEOUT, CHROMIUM, FLAGS, Crowd
from tests.browser.relay import RELAY_IP, Relay
from tests.browser.server import DemoServer, running


@pytest.fixture(scope="session")
def built_page() -> None:
    build_page()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing: on Debian, apt-get install chromium-headless-shell")
    # What is expected to happen gets the time that a busy machine needs; only what fails waits that long.
    expect.set_options(timeout=ARRIVAL_TIMEOUT * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="package")
async def crowd(browser: Browser) -> AsyncIterator[Crowd]:
    crowd = Crowd(browser)
    yield crowd
    await crowd.close()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def lasting_crowd(browser: Browser) -> AsyncIterator[Crowd]:
    """People who stay for all tests of a module."""
    crowd = Crowd(browser)
    yield crowd
    await crowd.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def server(built_page: None) -> AsyncIterator[DemoServer]:
    """Two workers, one media port each."""
    async with running(DemoServer(workers=2)) as server:
        yield server


# Offered both, Chromium weighs networks before protocols: when it got no UDP socket on the Ethernet network (about one
# connection in 150 here), it takes TCP over that rather than UDP over the loopback network, which it calls expensive.
# So a page is offered the one protocol whose path is under test: TCP where it asks for it.
ONE_PROTOCOL = ("--no-tcp",)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def one_port_server(built_page: None) -> AsyncIterator[DemoServer]:
    """One worker with one media port, which offers one protocol."""
    async with running(DemoServer(workers=1, arguments=ONE_PROTOCOL)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def own_ports_server(built_page: None) -> AsyncIterator[DemoServer]:
    """One worker, a media port per transport, which offers one protocol."""
    async with running(DemoServer(workers=1, webrtc_server=False, arguments=ONE_PROTOCOL)) as server:
        yield server


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def relayed_server(built_page: None) -> AsyncIterator[tuple[DemoServer, Relay]]:
    """One worker with one media port, which browsers reach through the relay."""
    server = DemoServer(arguments=("--announced-address", RELAY_IP))
    relay = Relay(server.media_port)
    relay.start()
    try:
        async with running(server):
            yield server, relay
    finally:
        relay.close()
