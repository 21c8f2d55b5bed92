"""A person at the page: joins, looks, listens, clicks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, BrowserContext, Locator, Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--ignore-certificate-errors",
]
ARRIVAL_TIMEOUT = 20.0
"""Seconds from opening the page to the first decoded frame, with several pages starting on two cores."""

FRAMES = 60
WINDOW = 5.0

Report = dict[str, Any]
"""One element of ``window.miso.stats()``; its fields are in demo/web/src/media/stats.ts."""


class Person:
    """One browser context with the page in it."""

    def __init__(self, context: BrowserContext, page: Page, name: str) -> None:
        self.context = context
        self.page = page
        self.name = name
        self.errors: list[str] = []
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @property
    def tiles(self) -> Locator:
        """The others' tiles."""
        return self.page.locator('article.tile[data-own="false"]')

    def tile_of(self, other: Person) -> Locator:
        """The camera tile of another person."""
        return self.page.locator('article.tile[data-kind="camera"]').filter(has_text=other.name)

    async def peer_id(self) -> str:
        """The page's protoo peer id."""
        peer_id: str = await self.page.evaluate("miso.state.peerId")
        return peer_id

    async def phase(self) -> str:
        """``lobby``, ``connecting``, ``joined``, ``reconnecting`` or ``ended``."""
        phase: str = await self.page.evaluate("miso.state.phase")
        return phase

    async def click(self, label: str) -> None:
        """Presses the button with this label."""
        await self.page.get_by_role("button", name=label, exact=True).click()

    async def stats(self) -> list[Report]:
        """The page's streams."""
        reports: list[Report] = await self.page.evaluate("miso.stats()")
        return reports

    async def received(self, other: Person, kind: str) -> Report | None:
        """What arrives from another person, ``audio`` or ``video``."""
        peer_id = await other.peer_id()
        for report in await self.stats():
            if report["direction"] == "recv" and report["peerId"] == peer_id and report["kind"] == kind:
                return report
        return None

    async def wait_for_media(self, *others: Person) -> None:
        """Returns when frames and sound of every other person arrive."""

        async def arrived() -> bool:
            for other in others:
                video, audio = await self.received(other, "video"), await self.received(other, "audio")
                if video is None or audio is None or not video["frames"] or not audio["audioEnergy"]:
                    return False
            return True

        await eventually(arrived, ARRIVAL_TIMEOUT, lambda: self.describe("media did not arrive"))

    async def expect_media(self, *others: Person) -> None:
        """Asserts more than 60 decoded frames and growing audio energy of every other person within 5 s."""
        await self.wait_for_media(*others)
        before = {other: (await self._frames(other), await self._energy(other)) for other in others}

        async def flowed() -> bool:
            for other, (frames, energy) in before.items():
                if await self._frames(other) - frames <= FRAMES or await self._energy(other) <= energy:
                    return False
            return True

        await eventually(flowed, WINDOW, lambda: self.describe(f"no {FRAMES} frames in {WINDOW} s; before: {before}"))

    async def describe(self, what: str) -> str:
        """A text for a failure: what the page shows and counts."""
        state = await self.page.evaluate(
            "({...miso.state, local: undefined, devices: undefined, streams: miso.state.streams.length})"
        )
        return f"{self.name}: {what}\nstate: {state}\nstats: {await self.stats()}\nerrors: {self.errors}"

    async def leave(self) -> None:
        """Closes the page."""
        await self.context.close()

    async def _frames(self, other: Person) -> int:
        report = await self.received(other, "video")
        return int(report["frames"] or 0) if report else 0

    async def _energy(self, other: Person) -> float:
        report = await self.received(other, "audio")
        return float(report["audioEnergy"] or 0.0) if report else 0.0

    def __repr__(self) -> str:
        return self.name


class Crowd:
    """Opens pages of one browser, each in a context of its own, and closes them in the end."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def join(self, url: str, room: str, name: str, *, script: str = "", **query: str) -> Person:
        """Opens the join link; ``script`` runs in the page before its own code."""
        return await self.open(f"{url}?{urlencode({'roomId': room, 'displayName': name, **query})}", name, script)

    async def open(self, url: str, name: str, script: str = "") -> Person:
        """Opens any address of the page."""
        context = await self._browser.new_context(viewport={"width": 960, "height": 600})
        self._contexts.append(context)
        if script:
            await context.add_init_script(script)
        page = await context.new_page()
        person = Person(context, page, name)
        await page.goto(url)
        return person

    async def close(self) -> None:
        """Closes every page."""
        for context in self._contexts:
            await context.close()


async def eventually(
    condition: Callable[[], Awaitable[bool]], timeout: float, describe: Callable[[], Awaitable[str]]
) -> None:
    """Asserts that a condition comes true within ``timeout`` seconds; it is looked at four times a second."""
    try:
        async with asyncio.timeout(timeout):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise AssertionError(await describe()) from None
