"""The tiles fill the window, whatever its shape and however many people there are."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import AsyncIterator

import pytest
import websockets
from playwright.async_api import Page, expect

from tests.browser.people import Crowd
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

WINDOWS = [(1280, 720), (820, 1180), (390, 844), (844, 390), (2200, 700)]

BOXES = """
() => [...document.querySelectorAll("article.tile")].map((tile) => {
    const {x, y, width, height} = tile.getBoundingClientRect();
    return [x, y, width, height];
})
"""

# A resize reaches the page's observer with the next frame, and what it draws then the one after.
AFTER_TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

Box = tuple[float, float, float, float]


@contextlib.asynccontextmanager
async def silent_people(server: DemoServer, room: str, count: int) -> AsyncIterator[None]:
    """Joins people who neither send nor receive media: a socket each."""
    async with contextlib.AsyncExitStack() as stack:
        for index in range(count):
            url = f"ws://localhost:{server.port}/?roomId={room}&peerId=silent-{index}"
            # nobody reads what arrives, and a full queue would keep the socket from closing for ten seconds
            connecting = websockets.connect(url, subprotocols=[websockets.Subprotocol("protoo")], max_queue=None)
            socket = await stack.enter_async_context(connecting)
            join = {"displayName": f"Silent {index}", "device": {"flag": "test", "name": "Test", "version": "1"}}
            await socket.send(json.dumps({"request": True, "id": index, "method": "join", "data": join}))
        yield


async def _boxes(page: Page) -> list[Box]:
    """Where the tiles are once the page has taken note of its size and they have stopped moving."""
    before: list[Box] = []
    while True:
        await page.evaluate(AFTER_TWO_FRAMES)
        await page.wait_for_function("() => document.getAnimations().every(({playState}) => playState !== 'running')")
        boxes: list[Box] = [tuple(box) for box in await page.evaluate(BOXES)]
        if boxes == before:
            return boxes
        before = boxes


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


@pytest.mark.parametrize("others", [1, 2, 4, 11])
async def test_tiles_fill_any_window_without_overlap(crowd: Crowd, server: DemoServer, others: int) -> None:
    room = f"layout-{others}"
    ana = await crowd.join(server.url, room, "Ana", produce="false")
    async with silent_people(server, room, others):
        await expect(ana.tiles).to_have_count(others)
        for width, height in WINDOWS:
            await ana.page.set_viewport_size({"width": width, "height": height})
            await ana.page.wait_for_function("size => `${innerWidth}x${innerHeight}` === size", arg=f"{width}x{height}")
            boxes = await _boxes(ana.page)
            stage = await ana.page.get_by_role("main").bounding_box()
            assert stage is not None
            assert len(boxes) == others + 1
            for x, y, tile_width, tile_height in boxes:
                assert x >= stage["x"] - 1
                assert y >= stage["y"] - 1
                assert x + tile_width <= stage["x"] + stage["width"] + 1
                assert y + tile_height <= stage["y"] + stage["height"] + 1
                assert 0.7 < tile_width / tile_height < 1.8
            assert not any(_overlap(one, other) for one, other in itertools.combinations(boxes, 2))
            covered = sum(box[2] * box[3] for box in boxes) / (stage["width"] * stage["height"])
            assert covered > 0.45, f"{others + 1} tiles cover {covered:.0%} of {width}x{height}"
    await expect(ana.tiles).to_have_count(0)


async def test_nothing_but_the_panels_scrolls_on_a_phone(crowd: Crowd, server: DemoServer) -> None:
    room, name = "a-room-with-a-name-that-no-phone-is-wide-enough-for", "Ana " + "of Somewhere Far Away " * 5
    ana = await crowd.join(server.url, room, name)
    await ana.page.set_viewport_size({"width": 360, "height": 640})
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()
    overflow = await ana.page.evaluate(
        "() => [document.documentElement.scrollWidth - innerWidth, document.documentElement.scrollHeight - innerHeight]"
    )
    assert overflow == [0, 0]
    for button in await ana.page.get_by_role("navigation", name="Controls").get_by_role("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
