"""Each of the nine layers that Chromium sends can be chosen, and shows in the size and the rate of what is decoded."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator

from tests.browser.people import Crowd, Person, Report, eventually
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT_TIMEOUT = 30.0
"""Seconds until Chromium, which begins with the small picture, sends all sizes."""
SWITCH_TIMEOUT = 10.0
MEASURED_MS = 2000

PICTURES = {"Low": 320, "Medium": 640, "High": 1280}
MOTIONS = ("Quarter", "Half", "Full")


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


async def _frame_rate(viewer: Person, sender: Person) -> float:
    """Decoded frames a second over about two seconds of the page's clock."""
    first = last = await _video(viewer, sender)

    async def measured() -> bool:
        nonlocal last
        last = await _video(viewer, sender)
        return bool(last["timestampMs"] - first["timestampMs"] >= MEASURED_MS)

    await eventually(measured, SWITCH_TIMEOUT, lambda: viewer.describe("no statistics"))
    return float((last["frames"] - first["frames"]) * 1000 / (last["timestampMs"] - first["timestampMs"]))


@pytest.mark.parametrize("force", ["forceVP8", "forceVP9"])
async def test_each_layer_is_seen_at_the_receiver(crowd: Crowd, server: DemoServer, force: str) -> None:
    query = {force: "true"}
    ana = await crowd.join(server.url, f"every-layer-{force}", "Ana", **query)
    bo = await crowd.join(server.url, f"every-layer-{force}", "Bo", produce="false", **query)

    async def shown(width: int, layers: tuple[int, int]) -> bool:
        video = await bo.received(ana, "video")
        return video is not None and video["width"] == width and await _layers(bo) == layers

    await eventually(lambda: shown(1280, (2, 2)), SENT_TIMEOUT, lambda: bo.describe("not the highest layers"))
    await bo.tile_of(ana).hover()
    await bo.click("Options for Ana")
    menu = bo.page.get_by_role("dialog", name="Ana")
    for spatial, (picture, width) in enumerate(PICTURES.items()):
        await _choose(menu, "Picture", picture)
        rates = []
        for temporal, motion in enumerate(MOTIONS):
            await _choose(menu, "Motion", motion)
            layers = (spatial, temporal)
            await eventually(
                lambda width=width, layers=layers: shown(width, layers),
                SWITCH_TIMEOUT,
                lambda layers=layers: bo.describe(f"not layers {layers}"),
            )
            rates.append(await _frame_rate(bo, ana))
        quarter, half, full = rates
        assert 0 < quarter < 0.75 * half < 0.75 * 0.75 * full, (picture, rates)
    assert ana.errors + bo.errors == []
