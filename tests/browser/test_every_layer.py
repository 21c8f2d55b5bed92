"""Each of the nine layers that Chromium sends can be chosen, and shows in the size and number of decoded frames."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, expect

from tests.browser.cameras import FULL
from tests.browser.people import Crowd, Person, Report, eventually
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


async def _share(viewer: Person, witness: Person, sender: Person, measured_frames: int) -> float:
    """How many of the frames that the witness sees the viewer sees, of at least so many.

    How many a second there are hangs on the machine, and what the sender counts on its bandwidth, too: Chromium counts
    a picture of VP9 once for each of its sizes, and leaves sizes out as long as it believes that few fit.
    """

    async def decoded() -> tuple[int, int]:
        seen, witnessed = await asyncio.gather(_video(viewer, sender), _video(witness, sender))
        return int(seen["frames"]), int(witnessed["frames"])

    seen_before, witnessed_before = seen, witnessed = await decoded()

    async def measured() -> bool:
        nonlocal seen, witnessed
        seen, witnessed = await decoded()
        return witnessed - witnessed_before >= measured_frames

    await eventually(measured, SWITCH_TIMEOUT, lambda: witness.describe("sees nothing"))
    return (seen - seen_before) / (witnessed - witnessed_before)


def _stand_apart(shares: list[float]) -> bool:
    quarter, half, full = shares
    return 0 < quarter < 0.75 * half < 0.75 * 0.75 * full and quarter < 0.5 * full


async def _options(viewer: Person, sender: Person) -> Locator:
    await viewer.tile_of(sender).hover()
    await viewer.click(f"Options for {sender.name}")
    return viewer.page.get_by_role("dialog", name=sender.name)


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
    # One who sends, and two who only watch: two cores encode one picture of the full size, not three.
    ana = await crowd.join(server.url, f"every-layer-{codec}", "Ana", FULL, consume="false", **query)
    bo = await crowd.join(server.url, f"every-layer-{codec}", "Bo", produce="false", **query)
    witness = await crowd.join(server.url, f"every-layer-{codec}", "Witness", produce="false", **query)
    best_motion = max(len(motions) - 1, 0)

    async def shown(viewer: Person, width: int, layers: tuple[int, int]) -> bool:
        video = await viewer.received(ana, "video")
        return video is not None and video["width"] == width and bool(video["fps"]) and await _layers(viewer) == layers

    async def expect_shown(viewer: Person, width: int, layers: tuple[int, int], timeout: float) -> None:
        await eventually(
            lambda: shown(viewer, width, layers),
            timeout,
            lambda: viewer.describe(f"not layers {layers}, {width} wide"),
        )

    await expect_shown(bo, FULL.width, (len(PICTURES) - 1, best_motion), SENT_TIMEOUT)
    assert (await _video(bo, ana))["codec"] == codec
    menu, witness_menu = await _options(bo, ana), await _options(witness, ana)
    await expect(menu.get_by_role("group", name="Picture").get_by_role("radio", name="High")).to_be_checked()
    await expect(menu.get_by_role("group", name="Motion")).to_have_count(1 if motions else 0)

    async def share_of(layers: tuple[int, int], measured_frames: int) -> float:
        spatial, temporal = layers
        if motions:
            await _choose(menu, "Motion", motions[temporal])
        picture, width = list(PICTURES.items())[spatial]
        await expect_shown(bo, width, layers, SWITCH_TIMEOUT)
        await expect(menu).to_contain_text(f"Receiving {picture.lower()} picture")
        if motions:
            await expect(menu).to_contain_text(f"{motions[temporal].lower()} motion")
        await expect_shown(witness, width, (spatial, best_motion), SWITCH_TIMEOUT)
        return await _share(bo, witness, ana, measured_frames)

    for spatial, picture in enumerate(PICTURES):
        await _choose(menu, "Picture", picture)
        await _choose(witness_menu, "Picture", picture)
        measured: list[list[float]] = []
        if not motions:
            assert await share_of((spatial, 0), MEASURED_FRAMES[0]) > 0
            continue
        for measured_frames in MEASURED_FRAMES:
            measured.append([await share_of((spatial, temporal), measured_frames) for temporal in range(len(motions))])
            if _stand_apart(measured[-1]):
                break
        assert _stand_apart(measured[-1]), (picture, measured)
    assert ana.errors + bo.errors + witness.errors == []
