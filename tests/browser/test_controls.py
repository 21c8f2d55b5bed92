"""The buttons do what they say, at this page and at the others."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.people import Crowd, Person, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

SHOWN_TIMEOUT = 60.0

UNPLUG_MICROPHONE = """() => {
    const { track } = miso.state.local.mic;
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""
DENIED = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("denied", "NotAllowedError"));
"""


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def pair(lasting_crowd: Crowd, server: DemoServer) -> tuple[Person, Person]:
    """Two who see and hear each other; whoever switches something off or opens it undoes that."""
    ana, bo = await asyncio.gather(*(lasting_crowd.join(server.url, "controls", name) for name in ("Ana", "Bo")))
    await bo.wait_for_media(ana)
    return ana, bo


async def test_a_camera_switched_off_vanishes_at_the_others_and_comes_back(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    await ana.click("Stop camera")
    await expect(bo.tile_of(ana)).to_be_visible()
    await expect(bo.tile_of(ana).locator("video")).to_have_count(0)
    await ana.click("Start camera")
    await expect(bo.tile_of(ana).locator("video.ready")).to_have_count(1)
    await bo.expect_media(ana)


async def test_a_muted_person_is_marked_and_silent_until_unmuted(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    mark = bo.tile_of(ana).get_by_label("Muted")
    await expect(mark).to_have_count(0)
    await ana.click("Mute")
    await expect(mark).to_be_visible()

    packets = -1

    async def silent() -> bool:
        nonlocal packets
        audio = await bo.received(ana, "audio")
        assert audio is not None
        packets, before = audio["packets"], packets
        return bool(packets == before)

    await eventually(silent, 30, lambda: bo.describe("sound still arrives from a muted person"))
    await ana.click("Unmute")
    await expect(mark).to_have_count(0)
    await bo.expect_media(ana)


async def test_another_camera_replaces_the_first_without_a_new_stream(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    before = await bo.received(ana, "video")
    cameras = await ana.page.evaluate("miso.state.devices.cameras.map(({id}) => id)")
    assert cameras
    await ana.page.evaluate("id => miso.client.media.choose('camera', id)", cameras[-1])
    await bo.expect_media(ana)
    after = await bo.received(ana, "video")
    assert before is not None
    assert after is not None
    assert before["id"] == after["id"]


async def test_the_speaking_person_is_framed(pair: tuple[Person, Person]) -> None:
    _, bo = pair
    await bo.click("Mute")
    # The fake microphone beeps once a second, louder than the observer's threshold.
    await expect(bo.page.locator("article.tile.speaking").filter(has_text="Ana")).to_be_visible()


async def test_a_shared_screen_gets_a_tile_of_its_own(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    # A picture that moves, in place of the screen picker that no headless browser shows.
    await ana.page.evaluate(
        """() => {
            const canvas = document.createElement("canvas");
            canvas.width = 1280; canvas.height = 720;
            const pen = canvas.getContext("2d");
            setInterval(() => {
                pen.fillStyle = `hsl(${Date.now() / 20 % 360} 60% 50%)`;
                pen.fillRect(0, 0, 1280, 720);
            }, 50);
            navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(15);
        }"""
    )
    await ana.click("Share screen")
    shared = bo.page.locator('article.tile[data-kind="share"]')
    await expect(shared.locator("video.ready")).to_have_count(1)
    await ana.click("Stop sharing")
    await expect(shared).to_have_count(0)


async def test_a_pinned_person_is_shown_big_until_unpinned(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    pin = bo.page.get_by_role("button", name="Pin Ana")

    async def times_own_size() -> float:
        boxes = [await tile.bounding_box() for tile in (bo.tile_of(ana), bo.tile_of(bo))]
        other, own = [box["width"] * box["height"] if box else 0.0 for box in boxes]
        return other / own

    async def big() -> bool:
        return await times_own_size() > 3

    async def equal() -> bool:
        return 0.95 < await times_own_size() < 1.05

    await eventually(equal, SHOWN_TIMEOUT, lambda: bo.describe("the tiles are not equal"))
    await bo.tile_of(ana).hover()
    await pin.click()
    await expect(pin).to_have_attribute("aria-pressed", "true")
    await eventually(big, SHOWN_TIMEOUT, lambda: bo.describe("the pinned tile is not big"))
    await pin.click()
    await eventually(equal, SHOWN_TIMEOUT, lambda: bo.describe("the tiles are not equal again"))


async def test_escape_closes_a_panel_wherever_the_focus_is(pair: tuple[Person, Person]) -> None:
    _, bo = pair
    await bo.page.keyboard.press("p")
    panel = bo.page.get_by_role("complementary", name="People")
    await expect(panel).to_be_visible()
    await bo.page.get_by_role("button", name="Options for Ana").press("Enter")
    await expect(bo.page.get_by_role("dialog")).to_be_focused()
    await bo.page.keyboard.press("Escape")
    await expect(bo.page.get_by_role("dialog")).to_have_count(0)
    await expect(panel).to_be_visible()  # each Escape closes one thing
    await bo.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def test_a_person_takes_another_name(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = [await crowd.join(server.url, "rename", name, produce="false") for name in ("Ana", "Bo")]
    await ana.click("People")
    await ana.click("Change your name")
    field = ana.page.get_by_role("textbox", name="Your name")
    await expect(field).to_be_focused()
    await ana.page.keyboard.type("Anastasia")  # in place of the old one, and no letter is a shortcut
    await ana.page.keyboard.press("Enter")
    await expect(bo.page.get_by_role("article", name="Anastasia")).to_be_visible()
    await expect(ana.page.get_by_role("article", name="Anastasia (you)")).to_be_visible()
    assert "displayName=Anastasia" in ana.page.url
    await ana.click("Change your name")
    await expect(field).to_be_focused()
    await ana.page.keyboard.type("Nobody")
    await ana.page.keyboard.press("Escape")
    await expect(field).to_have_count(0)
    await expect(ana.page.get_by_role("complementary", name="People")).to_contain_text("Anastasia")


async def test_a_microphone_that_is_unplugged_is_replaced_by_another(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    await ana.page.evaluate(UNPLUG_MICROPHONE)
    await expect(ana.page.get_by_role("status")).to_contain_text("was disconnected")
    await ana.page.wait_for_function("miso.state.local.mic.track?.readyState === 'live'")
    await bo.expect_media(ana)


async def test_without_another_microphone_one_is_muted_until_there_is_one(pair: tuple[Person, Person]) -> None:
    ana, bo = pair
    await ana.page.evaluate(
        """() => {
            const { mediaDevices } = navigator;
            window.plugIn = () => { mediaDevices.getUserMedia = open; };
            const open = mediaDevices.getUserMedia;
            mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no device", "NotReadableError"));
        }"""
    )
    await ana.page.evaluate(UNPLUG_MICROPHONE)
    await expect(ana.page.get_by_role("status")).to_contain_text("in use by another program, or does not answer")
    await expect(bo.tile_of(ana).get_by_label("Muted")).to_be_visible()
    await ana.page.evaluate("plugIn()")
    await ana.click("Unmute")
    await expect(bo.tile_of(ana).get_by_label("Muted")).to_have_count(0)
    await bo.expect_media(ana)


async def test_the_statistics_panel_shows_every_stream(pair: tuple[Person, Person]) -> None:
    _, bo = pair
    await bo.click("Statistics")
    panel = bo.page.get_by_role("complementary", name="Statistics")
    await expect(panel.locator(".stat-card")).to_have_count(4)
    await expect(panel.get_by_text("VP8")).to_have_count(2)
    await expect(panel.get_by_text("bit/s").first).to_be_visible()
    await bo.click("Statistics")


async def test_a_refused_camera_and_microphone_are_explained_and_the_room_is_still_joined(
    crowd: Crowd, server: DemoServer
) -> None:
    ana = await crowd.join(server.url, "denied", "Ana", script=DENIED)
    await expect(ana.page.get_by_text("The browser blocks the camera")).to_be_visible()
    await expect(ana.page.get_by_text("The browser blocks the microphone")).to_be_visible()
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()
    bo = await crowd.join(server.url, "denied", "Bo")
    await expect(ana.tile_of(bo).locator("video.ready")).to_have_count(1)


async def test_the_lobby_says_what_the_browser_blocks_and_lets_join_without(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.open(f"{server.url}?roomId=denied-lobby", "Ana", script=DENIED)
    for device in ("camera", "microphone"):
        await expect(ana.page.get_by_text(f"The browser blocks the {device}")).to_be_visible()
    await ana.page.get_by_label("Your name").fill("Ana")
    await ana.click("Join the room")
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()


async def test_the_lobby_joins_with_the_keyboard_alone(crowd: Crowd, server: DemoServer) -> None:
    ana = await crowd.open(server.url, "Ana")
    await expect(ana.page.get_by_label("Your name")).to_be_focused()
    await ana.page.keyboard.type("Ana")
    await ana.page.keyboard.press("Enter")
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()
    assert f"roomId={await ana.page.evaluate('miso.state.roomId')}" in ana.page.url
