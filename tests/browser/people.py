"""A person at the page: joins, looks, listens, clicks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import Browser, BrowserContext, Locator, Page

from tests.browser.cameras import SMALL, Camera

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or "chromium"
"""The shell has no windows: a call of eight people takes a third less CPU with it."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream=fps=40",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--ignore-certificate-errors",
]
ARRIVAL_TIMEOUT = 120.0
"""Seconds from opening the page to the first decoded frame; a few on an idle machine, but tests share theirs."""
SWITCH_TIMEOUT = 120.0
"""Seconds until another version of a picture comes."""

FRAMES = 60
SHARE = 0.2
"""Of the frames that the sender encodes: a version that moves less has a quarter, or half of them."""


TRUSTED = """
try {
  const kept = JSON.parse(localStorage.getItem("miso.preferences") ?? "{}");
  localStorage.setItem("miso.preferences", JSON.stringify({ ...kept, trusted: true }));
} catch {}
"""
"""Says that this person has clicked on this site before."""

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

    async def is_joined(self) -> bool:
        """Whether it is in the room."""
        return await self.phase() == "joined"

    async def click(self, label: str) -> None:
        """Presses the button with this label."""
        await self.page.get_by_role("button", name=label, exact=True).click()

    async def stats(self) -> list[Report]:
        """The page's streams."""
        reports: list[Report] = await self.page.evaluate("miso.stats()")
        return reports

    async def received(self, other: Person, kind: str) -> Report | None:
        """What arrives from another person, ``audio`` or ``video``."""
        return _from(await self.stats(), await other.peer_id(), kind)

    async def is_sending(self) -> bool:
        """Whether its camera's frames go out."""
        return any(report["direction"] == "send" and report["frames"] for report in await self.stats())

    async def encoded(self) -> int:
        """How many frames of its camera it has encoded; of several versions, the one that has most.

        Of VP9 with several sizes in one stream Chromium counts each size that it sends.
        """
        return max(
            (
                int(report["frames"] or 0)
                for report in await self.stats()
                if report["direction"] == "send" and report["source"] == "camera"
            ),
            default=0,
        )

    async def wait_until_sending(self) -> None:
        """Returns when its camera's frames go out."""
        await eventually(self.is_sending, ARRIVAL_TIMEOUT, lambda: self.describe("does not send"))

    async def wait_until_joined(self, timeout: float = ARRIVAL_TIMEOUT) -> None:
        """Returns when it is in the room."""
        await eventually(self.is_joined, timeout, lambda: self.describe("is not in the room"))

    async def wait_for_media(self, *others: Person) -> None:
        """Returns when frames and sound of every other person arrive."""

        async def arrived() -> bool:
            reports = await self.stats()
            for other in others:
                frames, energy = _counts(reports, await other.peer_id())
                if not frames or not energy:
                    return False
            return True

        await eventually(arrived, ARRIVAL_TIMEOUT, lambda: self.describe("media did not arrive"))

    async def expect_width(self, sender: Person, width: int, timeout: float = SWITCH_TIMEOUT) -> None:
        """Asserts that pictures of that width, of somebody else, are decoded soon."""

        async def shown() -> bool:
            video = await self.received(sender, "video")
            return video is not None and video["width"] == width and (video["fps"] or 0) > 0

        await eventually(shown, timeout, lambda: self.describe(f"no picture {width} wide"))

    async def expect_media(self, *others: Person) -> None:
        """Asserts that every other person is seen for more than 60 frames, and heard meanwhile.

        How many a second there are is up to the machine: they are held against those that the other page encodes in
        that time. That time may begin later than now: a busy machine starves a page at times.
        """
        await self.wait_for_media(*others)
        waiting = {await other.peer_id(): other for other in others}
        begun: dict[str, tuple[int, float, int]] = {}

        async def all_flowed() -> bool:
            reports = await self.stats()
            for peer_id, other in list(waiting.items()):
                frames, energy = _counts(reports, peer_id)
                if peer_id not in begun or frames < begun[peer_id][0]:
                    begun[peer_id] = frames, energy, await other.encoded()
                    continue
                frames_before, energy_before, encoded_before = begun[peer_id]
                if frames - frames_before > FRAMES and energy > energy_before:
                    if frames - frames_before >= SHARE * (await other.encoded() - encoded_before):
                        del waiting[peer_id]
                    else:
                        del begun[peer_id]
            return not waiting

        await eventually(all_flowed, ARRIVAL_TIMEOUT, lambda: self.describe(f"media stopped of {waiting}: {begun}"))

    async def describe(self, what: str) -> str:
        """A text for a failure: what the page shows and counts."""
        state = await self.page.evaluate(
            "({...miso.state, local: undefined, devices: undefined, streams: miso.state.streams.length})"
        )
        return f"{self.name}: {what}\nstate: {state}\nstats: {await self.stats()}\nerrors: {self.errors}"

    async def leave(self) -> None:
        """Closes the page."""
        await self.context.close()

    def __repr__(self) -> str:
        return self.name


class Crowd:
    """Opens pages of one browser, each in a context of its own, and closes them in the end."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def join(
        self, url: str, room: str, name: str, camera: Camera = SMALL, /, *, script: str = "", **query: str
    ) -> Person:
        """Opens the join link; ``script`` runs in the page before its own code."""
        link = f"{url}?{urlencode({'roomId': room, 'displayName': name, **query})}"
        return await self.open(link, name, camera=camera, script=script)

    async def open(
        self,
        url: str,
        name: str,
        *,
        camera: Camera = SMALL,
        script: str = "",
        trusted: bool = True,
        policy: bool = False,
    ) -> Person:
        """Opens any address of the page; ``trusted``, as if this person had joined there before.

        Without ``policy`` the page's Content-Security-Policy does not count: Playwright's ``wait_for_function`` needs
        ``eval``.
        """
        context = await self._browser.new_context(viewport={"width": 960, "height": 600}, bypass_csp=not policy)
        context.set_default_timeout(ARRIVAL_TIMEOUT * 1000)
        self._contexts.append(context)
        await context.add_init_script(camera.script + (TRUSTED if trusted else "") + script)
        page = await context.new_page()
        person = Person(context, page, name)
        await page.goto(url)
        return person

    async def close(self) -> None:
        """Closes every page."""
        await asyncio.gather(*(context.close() for context in self._contexts))


async def expect_media_both_ways(one: Person, other: Person) -> None:
    """Asserts that two people see and hear each other, at the same time."""
    await asyncio.gather(one.expect_media(other), other.expect_media(one))


def _from(reports: list[Report], peer_id: str, kind: str) -> Report | None:
    for report in reports:
        if report["direction"] == "recv" and report["peerId"] == peer_id and report["kind"] == kind:
            return report
    return None


def _counts(reports: list[Report], peer_id: str) -> tuple[int, float]:
    """Decoded frames and audio energy of a person so far."""
    video, audio = _from(reports, peer_id, "video"), _from(reports, peer_id, "audio")
    return (
        int(video["frames"] or 0) if video else 0,
        float(audio["audioEnergy"] or 0.0) if audio else 0.0,
    )


async def eventually(
    condition: Callable[[], Awaitable[bool]], timeout: float, describe: Callable[[], Awaitable[str]]
) -> None:
    """Asserts that a condition comes true within ``timeout`` seconds; it is looked at five times a second."""
    try:
        async with asyncio.timeout(timeout):
            while True:
                if await condition():
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(await describe()) from None
