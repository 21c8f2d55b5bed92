"""A link from a stranger: what it may do before anybody has clicked, and what the page may load."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

WATCH = """
window.asked = 0;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => { window.asked++; return open(wanted); };
window.violations = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
  window.violations.push(effectiveDirective + blockedURI));
"""


async def invited(crowd: Crowd, server: DemoServer, query: str, *, trusted: bool) -> Person:
    link = f"{server.url}?roomId=invited&displayName=Ana{query}"
    return await crowd.open(link, "Ana", script=WATCH, trusted=trusted, policy=True)


async def alone_in_the_room(person: Person) -> None:
    await expect(person.page.get_by_text("You are the only one here")).to_be_visible()


async def comes_true(person: Person, expression: str) -> None:
    """Playwright's own wait_for_function needs eval(), which the page's policy forbids."""

    async def holds() -> bool:
        value: bool = await person.page.evaluate(expression)
        return value

    await eventually(holds, ARRIVAL_TIMEOUT, lambda: person.describe(f"not so: {expression}"))


async def test_a_link_opens_no_camera_before_the_first_click(crowd: Crowd, server: DemoServer) -> None:
    ana = await invited(crowd, server, "", trusted=False)
    await expect(ana.page.get_by_text("Camera and microphone open when you join")).to_be_visible()
    await ana.page.wait_for_timeout(500)
    assert await ana.phase() == "lobby"
    assert await ana.page.evaluate("asked") == 0
    await ana.click("Join the room")
    await alone_in_the_room(ana)
    await comes_true(ana, "miso.state.local.camera.track !== null && miso.state.local.mic.track !== null")
    await ana.page.goto("about:blank")
    await ana.page.goto(f"{server.url}?roomId=other&displayName=Ana")  # once per site
    await alone_in_the_room(ana)


async def test_a_link_that_joins_by_itself_leaves_the_camera_off(crowd: Crowd, server: DemoServer) -> None:
    ana = await invited(crowd, server, "&autojoin=true", trusted=False)
    await alone_in_the_room(ana)
    assert await ana.page.evaluate("asked") == 0


async def test_a_link_can_ask_for_the_lobby(crowd: Crowd, server: DemoServer) -> None:
    ana = await invited(crowd, server, "&autojoin=false", trusted=True)
    await comes_true(ana, "miso.state.local.camera.track !== null")
    assert await ana.phase() == "lobby"


async def test_the_page_needs_nothing_that_its_policy_forbids(crowd: Crowd, server: DemoServer) -> None:
    ana = await invited(crowd, server, "", trusted=True)
    bo = await crowd.join(server.url, "invited", "Bo")
    await ana.wait_for_media(bo)
    for panel in ("i", "c", "p"):
        await ana.page.keyboard.press(panel)
    assert await ana.page.evaluate("violations") == []
    # the policy is there: what somebody writes into the page does not run
    await ana.page.evaluate("document.body.setAttribute('onclick', 'window.evil = 1'); document.body.click()")
    await comes_true(ana, "violations.length > 0")
    assert await ana.page.evaluate("window.evil === undefined")
