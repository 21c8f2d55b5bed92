"""Pages come back by themselves after a dead worker, a restarted server, a lost connection, a reload."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import websockets
from playwright.async_api import Browser, expect

from tests.browser.people import ARRIVAL_TIMEOUT, CHROMIUM, FLAGS, Crowd, Person, eventually, expect_media_both_ways
from tests.browser.server import DemoServer, running

pytestmark = pytest.mark.asyncio(loop_scope="package")

TELL_ADDRESSES = """
window.addresses = [];
window.WebSocket = class extends WebSocket {
    constructor(address, ...rest) {
        super(address, ...rest);
        addresses.push(String(address));
    }
};
"""


SHORT_CONSENT_S = 6
"""Chromium says every 2.5 s that it is there."""


@pytest_asyncio.fixture(loop_scope="package")
async def another_browser(browser: Browser) -> AsyncIterator[Browser]:
    """Whose processes are not those of everybody else's pages."""
    another = await browser.browser_type.launch(executable_path=CHROMIUM, args=FLAGS)
    yield another
    await another.close()


@contextlib.asynccontextmanager
async def standing_still(browser: Browser) -> AsyncIterator[None]:
    """None of its processes runs meanwhile, as on a machine that sleeps."""
    session = await browser.new_browser_cdp_session()
    told = await session.send("SystemInfo.getProcessInfo")
    pids = [int(process["id"]) for process in told["processInfo"]]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def _media_port(person: Person) -> int:
    return int((await person.stats())[0]["serverAddress"].rpartition(":")[2])


async def test_a_killed_worker_hits_its_own_room_only_and_its_people_come_back(
    crowd: Crowd, server: DemoServer
) -> None:
    ana = await crowd.join(server.url, "hit", "Ana")
    bo = await crowd.join(server.url, "hit", "Bo")
    await asyncio.gather(ana.wait_for_media(bo), bo.wait_for_media(ana))
    chi = await crowd.join(server.url, "spared", "Chi")

    async def sends() -> bool:
        reports = await chi.stats()
        return {report["kind"] for report in reports} == {"audio", "video"} and all(
            report["serverAddress"] and report["packets"] for report in reports
        )

    await eventually(sends, ARRIVAL_TIMEOUT, lambda: chi.describe("sends nothing"))
    hit, spared = server.worker_with_port(await _media_port(ana)), server.worker_with_port(await _media_port(chi))
    assert hit != spared
    lost = {report["id"] for person in (ana, bo) for report in await person.stats()}
    streams = {report["id"] for report in await chi.stats()}
    await chi.page.evaluate("window.phases = []; setInterval(() => phases.push(miso.state.phase), 50); undefined")

    os.kill(hit, signal.SIGKILL)

    async def back() -> bool:
        for person, other in ((ana, bo), (bo, ana)):
            if await person.phase() != "joined":
                return False
            video = await person.received(other, "video")
            if video is None or video["id"] in lost or not video["frames"]:
                return False
        return True

    async def describe() -> str:
        return f"{await ana.describe('not back')}\n{await bo.describe('not back')}\n{server.log}"

    await eventually(back, ARRIVAL_TIMEOUT, describe)
    await expect_media_both_ways(ana, bo)
    assert set(await chi.page.evaluate("phases")) == {"joined"}
    assert {report["id"] for report in await chi.stats()} == streams
    before = {report["id"]: report["packets"] for report in await chi.stats()}

    async def goes_on() -> bool:
        return all(report["packets"] > before[report["id"]] + 50 for report in await chi.stats())

    await eventually(goes_on, ARRIVAL_TIMEOUT, lambda: chi.describe("the spared room lost its media"))
    assert len(server.worker_pids) == 2


async def test_a_restarted_server_gets_its_people_back(crowd: Crowd, built_page: None) -> None:
    server = DemoServer()
    async with running(server):
        ana = await crowd.join(server.url, "restart", "Ana")
        bo = await crowd.join(server.url, "restart", "Bo")
        await ana.wait_for_media(bo)
    await expect(ana.page.get_by_role("alert")).to_contain_text("The server does not answer")
    await expect(ana.page.get_by_role("img", name="Your signal")).to_have_count(0)
    async with running(server):
        await eventually(
            lambda: _joined(ana, bo), ARRIVAL_TIMEOUT, lambda: ana.describe(f"did not come back\n{server.log}")
        )
        await expect_media_both_ways(ana, bo)
        assert ana.errors + bo.errors == []


async def test_a_replaced_person_is_told_and_may_come_back(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "replaced", "Ana", script=TELL_ADDRESSES)
    bo = await crowd.join(server.url, "replaced", "Bo")
    await ana.wait_for_media(bo)
    url = await ana.page.evaluate("addresses[0]")  # with her secret: nobody else gets her place
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("protoo")]):
        await expect(ana.page.get_by_role("alertdialog")).to_contain_text("The server ended this session")
        await expect(bo.tiles).to_have_count(0)
        await ana.click("Join again")
        await expect(bo.tiles).to_have_count(1)
        await bo.expect_media(ana)


async def test_a_person_whose_machine_slept_for_longer_than_the_server_waits_comes_back(
    crowd: Crowd, built_page: None, another_browser: Browser
) -> None:
    server = DemoServer(arguments=("--ice-consent-timeout", str(SHORT_CONSENT_S)))
    her_crowd = Crowd(another_browser)
    async with running(server):
        ana = await her_crowd.join(server.url, "sleep", "Ana")
        bo = await crowd.join(server.url, "sleep", "Bo")
        await expect_media_both_ways(ana, bo)
        peer_id = await ana.peer_id()
        lost = f"peer={peer_id} ice disconnected"
        before = server.log.count(lost)

        async def is_missed() -> bool:
            return server.log.count(lost) > before

        async with standing_still(another_browser):
            await eventually(is_missed, ARRIVAL_TIMEOUT, lambda: bo.describe(f"Ana is not missed\n{server.log}"))
        await bo.wait_for_media(ana)
        await expect_media_both_ways(ana, bo)
        assert await ana.peer_id() == peer_id
        await expect(bo.tiles).to_have_count(1)
        await her_crowd.close()


async def test_a_person_who_reconnects_with_the_same_id_keeps_the_room_alive(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "alone", "Ana")
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()
    peer_id = await ana.peer_id()
    await ana.page.evaluate("miso.client.rejoin()")
    await expect(ana.page.get_by_text("You are back in the room")).to_be_visible()
    assert await ana.peer_id() == peer_id
    bo = await crowd.join(server.url, "alone", "Bo")
    await expect_media_both_ways(ana, bo)


async def test_a_reloaded_page_is_one_person(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "reload", "Ana")
    bo = await crowd.join(server.url, "reload", "Bo")
    await bo.wait_for_media(ana)
    await ana.page.reload()
    await bo.wait_for_media(ana)
    await expect(bo.tiles).to_have_count(1)
    await ana.expect_media(bo)


async def _joined(*people: Person) -> bool:
    return all([await person.phase() == "joined" for person in people])
