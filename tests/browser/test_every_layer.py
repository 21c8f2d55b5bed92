"""Each of the nine layers that Chromium sends can be chosen, and shows in the size and number of decoded frames."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import FULL, Crowd, Person, Report, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

SENT_TIMEOUT = 90.0
"""Seconds until Chromium, which begins with the small picture, sends all sizes; about ten on an idle machine."""
SWITCH_TIMEOUT = 90.0

PICTURES = {"Low": FULL.width // 4, "Medium": FULL.width // 2, "High": FULL.width}
MOTIONS = ("Quarter", "Half", "Full")
MEASURED_FRAMES = (20, 40, 80, 160)
"""A busy machine sends and decodes unevenly: shares that do not stand apart are measured again, for longer."""


async def _video(viewer: Person, sender: Person) -> Report:
    video = await viewer.received(sender, "video")
    assert video is not None
    return video


async def _layers(viewer: Person) -> tuple[int, int] | None:
    """The layers that the server said it forwards."""
    current = await viewer.page.evaluate("miso.state.streams.find(({kind}) => kind === 'video')?.current")
    return (current["spatial"], current["temporal"]) if current else None


async def _choose(menu: Locator, group: str, name: str) -> None:
    await menu.get_by_role("group", name=group).get_by_role("radio", name=name).check()


async def _share(viewer: Person, sender: Person, measured_frames: int) -> float:
    """How many of the sender's frames are decoded, of at least so many: how many a second hangs on the machine."""
    sent_before, frames_before = await sender.encoded(), (await _video(viewer, sender))["frames"]
    sent = sent_before

    async def measured() -> bool:
        nonlocal sent
        sent = await sender.encoded()
        return sent - sent_before >= measured_frames

    await eventually(measured, SWITCH_TIMEOUT, lambda: sender.describe("encodes nothing"))
    return float(((await _video(viewer, sender))["frames"] - frames_before) / (sent - sent_before))


def _stand_apart(shares: list[float]) -> bool:
    quarter, half, full = shares
    return 0 < quarter < 0.75 * half < 0.75 * 0.75 * full and quarter < 0.5 * full


@pytest.mark.parametrize(
    ("force", "codec", "motions"),
    [
        pytest.param("forceVP8", "VP8", MOTIONS, id="vp8-simulcast"),
        pytest.param("forceVP9", "VP9", MOTIONS, id="vp9-svc"),
        pytest.param("forceH264", "H264", (), id="h264-simulcast"),
    ],
)
async def test_each_layer_that_is_chosen_is_seen_at_the_receiver(
    crowd: Crowd, server: DemoServer, force: str, codec: str, motions: tuple[str, ...]
) -> None:
    query = {force: "true"}
    # One who sends, and one who only watches: two cores encode one picture of the full size, not two.
    ana = await crowd.join(server.url, f"every-layer-{codec}", "Ana", FULL, consume="false", **query)
    bo = await crowd.join(server.url, f"every-layer-{codec}", "Bo", produce="false", **query)

    async def shown(width: int, layers: tuple[int, int]) -> bool:
        video = await bo.received(ana, "video")
        return video is not None and video["width"] == width and bool(video["fps"]) and await _layers(bo) == layers

    best = (len(PICTURES) - 1, max(len(motions) - 1, 0))
    await eventually(lambda: shown(FULL.width, best), SENT_TIMEOUT, lambda: bo.describe("not the highest layers"))
    assert (await _video(bo, ana))["codec"] == codec
    await bo.tile_of(ana).hover()
    await bo.click("Options for Ana")
    menu = bo.page.get_by_role("dialog", name="Ana")
    await expect(menu.get_by_role("group", name="Picture").get_by_role("radio", name="High")).to_be_checked()
    await expect(menu.get_by_role("group", name="Motion")).to_have_count(1 if motions else 0)

    async def share_of(layers: tuple[int, int], measured_frames: int) -> float:
        spatial, temporal = layers
        if motions:
            await _choose(menu, "Motion", motions[temporal])
        picture, width = list(PICTURES.items())[spatial]
        await eventually(
            lambda: shown(width, layers), SWITCH_TIMEOUT, lambda: bo.describe(f"not layers {layers}, {width} wide")
        )
        await expect(menu).to_contain_text(f"Receiving {picture.lower()} picture")
        if motions:
            await expect(menu).to_contain_text(f"{motions[temporal].lower()} motion")
        return await _share(bo, ana, measured_frames)

    for spatial, picture in enumerate(PICTURES):
        await _choose(menu, "Picture", picture)
        shares: list[float] = []
        if not motions:
            assert await share_of((spatial, 0), MEASURED_FRAMES[0]) > 0
            continue
        for measured_frames in MEASURED_FRAMES:
            shares = [await share_of((spatial, temporal), measured_frames) for temporal in range(len(motions))]
            if _stand_apart(shares):
                break
        assert _stand_apart(shares), (picture, shares)
    assert ana.errors + bo.errors == []
