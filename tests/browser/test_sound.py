"""Browsers keep a page silent until it is clicked on or captures: nobody sits in a room and hears nothing for that.

Whatever Playwright evaluates or looks for in a page counts as a click, so these pages tell by themselves, on the
console, what becomes of their sound.
"""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

BLOCKED, PLAYING = "sound is blocked", "sound is playing"
TELL = f"""
const play = HTMLMediaElement.prototype.play;
const blocked = new Promise((tell) => {{
    HTMLMediaElement.prototype.play = function () {{
        const playing = play.call(this);
        if (this instanceof HTMLAudioElement) playing.catch(() => {{ console.log("{BLOCKED}"); tell(); }});
        return playing;
    }};
}});
document.addEventListener("playing", ({{ target }}) => {{
    if (target instanceof HTMLAudioElement) console.log("{PLAYING}");
}}, true);
"""
SLOW_DEVICES = """
const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) => blocked.then(() => getUserMedia(wanted));
"""


async def _expect_told(person: Person, text: str) -> None:
    async def told() -> bool:
        return text in person.console

    await eventually(told, ARRIVAL_TIMEOUT, lambda: person.describe(f"did not tell: {text}"))


async def _expect_sound(listener: Person, speaker: Person) -> None:
    async def heard() -> bool:
        audio = await listener.received(speaker, "audio")
        return audio is not None and bool(audio["audioEnergy"])

    await eventually(heard, ARRIVAL_TIMEOUT, lambda: listener.describe("hears nothing"))


async def test_who_only_watches_hears_the_others_after_a_click(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.join(server.url, "watch-only", "Ana")
    bo = await crowd.join(server.url, "watch-only", "Bo", script=TELL, produce="false")
    await _expect_told(bo, BLOCKED)
    assert PLAYING not in bo.console
    button = bo.page.get_by_role("button", name="Click to hear the others")
    await button.click()
    await expect(button).to_have_count(0)
    await _expect_sound(bo, ana)


async def test_sound_that_came_before_the_own_devices_are_open_is_heard_without_a_click(
    crowd: Crowd, server: DemoServer
) -> None:
    ana = await crowd.join(server.url, "slow-devices", "Ana")
    bo = await crowd.join(server.url, "slow-devices", "Bo", script=TELL + SLOW_DEVICES)
    await _expect_told(bo, BLOCKED)
    await _expect_told(bo, PLAYING)
    await _expect_sound(bo, ana)
    await ana.wait_for_media(bo)
    await expect(bo.page.get_by_role("button", name="Click to hear the others")).to_have_count(0)
