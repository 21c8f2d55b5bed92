"""Each of the nine layers that Chromium sends can be chosen, and shows in the size and the rate of what is decoded."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import FULL, Crowd, Person, Report, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

SENT_TIMEOUT = 90.0
"""Seconds until Chromium, which begins with the small picture, sends all sizes; about ten on an idle machine."""
SWITCH_TIMEOUT = 90.0

PICTURES = {"Low": 320, "Medium": 640, "High": 1280}
MOTIONS = ("Quarter", "Half", "Full")
MEASURED_MS = (1200, 2400, 5000, 10_000)
"""A busy machine sends and decodes unevenly: rates that do not stand apart are measured again, for longer."""


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


async def _frame_rate(viewer: Person, sender: Person, measured_ms: int) -> float:
    """Decoded frames a second over at least so long by the page's clock."""
    first = last = await _video(viewer, sender)

    async def measured() -> bool:
        nonlocal last
        last = await _video(viewer, sender)
        return bool(last["timestampMs"] - first["timestampMs"] >= measured_ms)

    await eventually(measured, SWITCH_TIMEOUT, lambda: viewer.describe("no statistics"))
    return float((last["frames"] - first["frames"]) * 1000 / (last["timestampMs"] - first["timestampMs"]))


def _stand_apart(rates: list[float]) -> bool:
    quarter, half, full = rates
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
    # One who sends, and one who only watches: two cores encode one picture of 1280x720, not two.
    ana = await crowd.join(server.url, f"every-layer-{codec}", "Ana", FULL, consume="false", **query)
    bo = await crowd.join(server.url, f"every-layer-{codec}", "Bo", produce="false", **query)

    async def shown(width: int, layers: tuple[int, int]) -> bool:
        video = await bo.received(ana, "video")
        return video is not None and video["width"] == width and bool(video["fps"]) and await _layers(bo) == layers

    best = (len(PICTURES) - 1, max(len(motions) - 1, 0))
    await eventually(lambda: shown(1280, best), SENT_TIMEOUT, lambda: bo.describe("not the highest layers"))
    assert (await _video(bo, ana))["codec"] == codec
    await bo.tile_of(ana).hover()
    await bo.click("Options for Ana")
    menu = bo.page.get_by_role("dialog", name="Ana")
    await expect(menu.get_by_role("group", name="Picture").get_by_role("radio", name="High")).to_be_checked()
    await expect(menu.get_by_role("group", name="Motion")).to_have_count(1 if motions else 0)

    async def rate_of(layers: tuple[int, int], measured_ms: int) -> float:
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
        return await _frame_rate(bo, ana, measured_ms)

    for spatial, picture in enumerate(PICTURES):
        await _choose(menu, "Picture", picture)
        rates: list[float] = []
        if not motions:
            assert await rate_of((spatial, 0), MEASURED_MS[0]) > 0
            continue
        for measured_ms in MEASURED_MS:
            rates = [await rate_of((spatial, temporal), measured_ms) for temporal in range(len(motions))]
            if _stand_apart(rates):
                break
        assert _stand_apart(rates), (picture, rates)
    assert ana.errors + bo.errors == []
