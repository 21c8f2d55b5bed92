"""Video in several versions: each receiver chooses, and gets what it chose."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import Crowd, Person, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT_TIMEOUT = 30.0
"""Seconds until Chromium, which begins with the small picture, sends every version."""
SWITCH_TIMEOUT = 10.0

CODECS = [
    pytest.param({"forceVP8": "true"}, "VP8", id="vp8-simulcast"),
    pytest.param({"forceVP9": "true"}, "VP9", id="vp9-svc"),
    pytest.param({"forceH264": "true"}, "H264", id="h264-simulcast"),
]


async def _sender_and_viewer(crowd: Crowd, url: str, room: str, **query: str) -> tuple[Person, Person]:
    """One who sends a camera of 1280x720, and one who only watches: two cores encode one picture, not two."""
    sender = await crowd.join(url, room, "Ana", **query)
    viewer = await crowd.join(url, room, "Bo", produce="false", **query)
    await _width(viewer, sender, 1280, SENT_TIMEOUT)
    return sender, viewer


async def _width(viewer: Person, sender: Person, width: int, timeout: float = SWITCH_TIMEOUT) -> None:
    """Waits until pictures of that width are decoded."""

    async def shown() -> bool:
        video = await viewer.received(sender, "video")
        return video is not None and video["width"] == width and (video["fps"] or 0) > 0

    await eventually(shown, timeout, lambda: viewer.describe(f"no picture {width} wide"))


async def _open_menu(viewer: Person, sender: Person) -> Locator:
    await viewer.tile_of(sender).hover()
    await viewer.click(f"Options for {sender.name}")
    return viewer.page.get_by_role("dialog", name=sender.name)


async def _current(viewer: Person) -> dict[str, int] | None:
    """The layers that the server said it sends."""
    layers: dict[str, int] | None = await viewer.page.evaluate(
        "miso.state.streams.find(({kind}) => kind === 'video').current"
    )
    return layers


@pytest.mark.parametrize(("query", "codec"), CODECS)
async def test_the_picture_that_is_chosen_is_the_one_that_comes(
    crowd: Crowd, server: DemoServer, query: dict[str, str], codec: str
) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, f"picture-{codec}", **query)
    video = await bo.received(ana, "video")
    assert video is not None
    assert video["codec"] == codec
    menu = await _open_menu(bo, ana)
    picture = menu.get_by_role("group", name="Picture")
    await expect(picture.get_by_role("radio", name="High")).to_be_checked()
    for name, width, layer in (("Low", 320, 0), ("Medium", 640, 1), ("High", 1280, 2)):
        await picture.get_by_role("radio", name=name).check()
        await _width(bo, ana, width)
        await expect(menu).to_contain_text(f"Receiving {name.lower()} picture")
        current = await _current(bo)
        assert current is not None
        assert current["spatial"] == layer
    assert ana.errors + bo.errors == []


@pytest.mark.parametrize(("query", "codec"), CODECS[:2])
async def test_the_motion_that_is_chosen_is_the_one_that_comes(
    crowd: Crowd, server: DemoServer, query: dict[str, str], codec: str
) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, f"motion-{codec}", **query)
    menu = await _open_menu(bo, ana)
    await menu.get_by_role("group", name="Picture").get_by_role("radio", name="Low").check()
    await _width(bo, ana, 320)
    motion = menu.get_by_role("group", name="Motion")
    rates = {}
    for name, layer in (("Quarter", 0), ("Full", 2)):
        await motion.get_by_role("radio", name=name).check()
        await expect(menu).to_contain_text(f"{name.lower()} motion", timeout=SWITCH_TIMEOUT * 1000)
        current = await _current(bo)
        assert current is not None
        assert current["temporal"] == layer
        rates[name] = await _frames_in(bo, ana, 3.0)
    assert rates["Quarter"] < 0.5 * rates["Full"], rates


async def _frames_in(viewer: Person, sender: Person, seconds: float) -> float:
    """Frames decoded in about so many seconds, per second of the page's clock."""
    first = await viewer.received(sender, "video")
    assert first is not None
    rate = 0.0

    async def passed() -> bool:
        nonlocal rate
        now = await viewer.received(sender, "video")
        assert now is not None
        elapsed_ms = now["timestampMs"] - first["timestampMs"]
        if elapsed_ms < seconds * 1000:
            return False
        rate = (now["frames"] - first["frames"]) * 1000 / elapsed_ms
        return True

    await eventually(passed, seconds + SWITCH_TIMEOUT, lambda: viewer.describe("no statistics"))
    return rate


async def test_priority_and_a_fresh_picture_can_be_asked_for(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, "priority")
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


async def test_the_menu_works_with_the_keyboard_alone(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, "menu-keys")
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
    await _width(bo, ana, 320)
    await bo.page.keyboard.press("Escape")
    await expect(menu).to_have_count(0)
    await expect(opener).to_be_focused()


async def test_the_way_to_us_is_shown_in_numbers_and_bars(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, "signal")
    await expect(bo.tile_of(ana).get_by_role("img", name="Signal: good")).to_be_visible(timeout=SENT_TIMEOUT * 1000)
    own = ana.page.locator('article.tile[data-own="true"]')
    await expect(own.get_by_role("img", name="Your signal: good")).to_be_visible(timeout=SENT_TIMEOUT * 1000)
    await bo.click("Statistics")
    panel = bo.page.get_by_role("complementary", name="Statistics")
    await expect(panel.locator("div", has_text="Downlink, estimated").last.locator("dd")).to_contain_text(
        "bit/s", timeout=SENT_TIMEOUT * 1000
    )
    await expect(panel.locator("div", has_text="Layers now").last.locator("dd")).to_have_text("2/2")
    await ana.click("Statistics")
    sent = ana.page.get_by_role("complementary", name="Statistics").locator("div", has_text="Sizes sent").last
    await expect(sent.locator("dd")).to_have_text("320×180 640×360 1280×720", timeout=SENT_TIMEOUT * 1000)


async def test_one_version_is_sent_when_the_link_asks_so(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _sender_and_viewer(crowd, server.url, "single", enableWebcamLayers="false")
    menu = await _open_menu(bo, ana)
    await expect(menu.get_by_role("button", name="Refresh picture")).to_be_visible()
    await expect(menu.get_by_role("group")).to_have_count(0)
    types = await bo.page.evaluate("miso.state.streams.map(({kind, type}) => [kind, type])")
    assert sorted(types) == [["audio", "simple"], ["video", "simple"]]
