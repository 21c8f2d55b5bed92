"""Video in several versions: each receiver chooses, sees what it gets, and may ask for more."""

from __future__ import annotations

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.browser.cameras import FULL, MEDIUM
from tests.browser.people import ARRIVAL_TIMEOUT, SWITCH_TIMEOUT, Crowd, Person, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

SENT_TIMEOUT = 90.0
"""Seconds until Chromium, which begins with the small picture, sends every version; about ten on an idle machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def layered(lasting_crowd: Crowd, server: DemoServer) -> tuple[Person, Person]:
    """A sender of three sizes, and a viewer who gets the biggest; whoever changes that or opens something undoes it.

    The viewer sends nothing: two cores encode one picture, not two.
    """
    sender = await lasting_crowd.join(server.url, "layers", "Ana", FULL)
    viewer = await lasting_crowd.join(server.url, "layers", "Bo", produce="false")
    await viewer.expect_width(sender, FULL.width, SENT_TIMEOUT)
    return sender, viewer


async def _open_menu(viewer: Person, sender: Person) -> Locator:
    await viewer.tile_of(sender).hover()
    await viewer.click(f"Options for {sender.name}")
    return viewer.page.get_by_role("dialog", name=sender.name)


async def test_priority_and_a_fresh_picture_can_be_asked_for(layered: tuple[Person, Person]) -> None:
    ana, bo = layered
    menu = await _open_menu(bo, ana)
    priority = menu.get_by_role("group", name="Priority")
    await expect(priority.get_by_role("radio", name="Normal")).to_be_checked()
    await priority.get_by_role("radio", name="Highest").check()
    await expect(priority.get_by_role("radio", name="Highest")).to_be_checked()
    before = await ana.page.evaluate("miso.stats().then((all) => all.find(({source}) => source === 'camera').pliCount)")
    await menu.get_by_role("button", name="Refresh picture").click()

    async def asked() -> bool:
        sent = next(report for report in await ana.stats() if report["source"] == "camera")
        return bool(sent["pliCount"] > before)

    await eventually(asked, SWITCH_TIMEOUT, lambda: ana.describe("was not asked for a key frame"))
    await menu.get_by_role("button", name="Close").click()


async def test_the_menu_works_with_the_keyboard_alone(layered: tuple[Person, Person]) -> None:
    ana, bo = layered
    opener = bo.page.get_by_role("button", name="Options for Ana")
    await opener.focus()
    await bo.page.keyboard.press("Enter")
    menu = bo.page.get_by_role("dialog", name="Ana")
    await expect(menu).to_be_focused()
    await bo.page.keyboard.press("Tab")  # Close
    await bo.page.keyboard.press("Tab")  # the chosen picture
    await expect(menu.get_by_role("group", name="Picture").get_by_role("radio", name="High")).to_be_focused()
    await bo.page.keyboard.press("ArrowLeft")
    await bo.page.keyboard.press("ArrowLeft")
    await bo.expect_width(ana, FULL.width // 4)
    await bo.page.keyboard.press("ArrowRight")
    await bo.page.keyboard.press("ArrowRight")
    await bo.expect_width(ana, FULL.width)
    await bo.page.keyboard.press("Escape")
    await expect(menu).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_the_way_to_us_is_shown_in_numbers_and_bars(layered: tuple[Person, Person]) -> None:
    ana, bo = layered
    await expect(bo.tile_of(ana).get_by_role("img", name="Signal: good")).to_be_visible(timeout=SENT_TIMEOUT * 1000)
    own = ana.page.locator('article.tile[data-own="true"]')
    await expect(own.get_by_role("img", name="Your signal: good")).to_be_visible(timeout=SENT_TIMEOUT * 1000)
    await bo.click("Statistics")
    panel = bo.page.get_by_role("complementary", name="Statistics")
    await expect(panel.locator("div", has_text="Downlink, estimated").last.locator("dd")).to_contain_text("bit/s")
    await expect(panel.locator("div", has_text="Layers now").last.locator("dd")).to_have_text("2/2")
    await ana.click("Statistics")
    sent = ana.page.get_by_role("complementary", name="Statistics").locator("div", has_text="Sizes sent").last
    await expect(sent.locator("dd")).to_have_text("240×136 480×272 960×544")


async def test_one_version_is_sent_when_the_link_asks_so(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "single", "Ana", MEDIUM, enableWebcamLayers="false")
    bo = await crowd.join(server.url, "single", "Bo", produce="false")

    async def seen() -> bool:  # not heard: who only watches hears nothing before a click
        video = await bo.received(ana, "video")
        return video is not None and bool(video["frames"])

    await eventually(seen, ARRIVAL_TIMEOUT, lambda: bo.describe("sees nothing"))
    menu = await _open_menu(bo, ana)
    await expect(menu.get_by_role("button", name="Refresh picture")).to_be_visible()
    await expect(menu.get_by_role("group")).to_have_count(0)
    types = await bo.page.evaluate("miso.state.streams.map(({kind, type}) => [kind, type])")
    assert sorted(types) == [["audio", "simple"], ["video", "simple"]]
