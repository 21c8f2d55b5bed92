"""mpegts.js plays live streams in Chromium, over HTTP and WebSocket, with and without sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from tests.live.flv_server.house import PATH, house
from tests.live.hls.cutting import encoded
from tests.npm_packages import install, needs_npm

pytest.importorskip("av", reason="PyAV is missing")
pytestmark = [pytest.mark.asyncio(loop_scope="package"), needs_npm]
PACKAGE = Path(__file__).resolve().parents[1] / "live" / "flv_server" / "mpegts_js"
PAGE = """<!doctype html><meta charset=utf-8><title>FLV</title><script src="/mpegts.js"></script><video muted></video>
<script>
  const video = document.querySelector('video')
  const errors = []
  const player = mpegts.createPlayer({type: 'flv', isLive: true, url: new URLSearchParams(location.search).get('url')},
                                     {enableWorker: false, liveBufferLatencyChasing: true})
  player.on(mpegts.Events.ERROR, (...what) => errors.push(what.map(String)))
  player.attachMediaElement(video)
  player.load()
  player.play()
  window.state = () => ({
    time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth,
    audio: video.webkitAudioDecodedByteCount, errors,
  })
</script>"""


async def page_of(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": ""})


async def script(request: Request) -> Response:
    return FileResponse(install(PACKAGE, "mpegts.js") / "node_modules" / "mpegts.js" / "dist" / "mpegts.js")


async def until(page: Page, condition: str) -> None:
    try:
        await page.wait_for_function(f"(() => {{ const s = state(); return {condition} }})()", timeout=60_000)
    except Exception as error:
        raise AssertionError(f"{condition}: {json.dumps(await page.evaluate('state()'))}") from error


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize("encoders", [("libx264", "aac"), ("libx264",)], ids="+".join)
async def test_mpegts_js_plays_what_the_header_says(browser: Browser, scheme: str, encoders: tuple[str, ...]) -> None:
    async with house() as made:
        made.live.web.add([Route("/watch", page_of), Route("/mpegts.js", script)])
        made.publish(encoded(*encoders))
        page = await browser.new_page()
        try:
            url = f"{made.origin.replace('http', scheme)}/{PATH}.flv"
            await page.goto(f"{made.origin}/watch?url={url}")
            with_sound = "s.audio > 0" if "aac" in encoders else "s.audio === 0"
            await until(page, f"s.time > 2 && s.frames > 40 && s.width === 320 && {with_sound}")
            assert (await page.evaluate("state()"))["errors"] == []
        finally:
            await page.close()
