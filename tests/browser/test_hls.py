"""hls.js plays live streams in Chromium, shortly behind the publisher, and goes on when the publisher comes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from tests.live.hls.broadcast import broadcasting
from tests.live.hls.cutting import encoded
from tests.npm_packages import install, needs_npm

pytest.importorskip("av", reason="PyAV is missing")
pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    needs_npm,
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is missing: on Debian, apt-get install ffmpeg"),
]
PACKAGE = Path(__file__).resolve().parents[1] / "live" / "hls" / "hls_js"
PAGE = """<!doctype html><meta charset=utf-8><title>HLS</title><script src="/hls.js"></script><video muted></video>
<script>
  const video = document.querySelector('video')
  const hls = new Hls({lowLatencyMode: true})
  const errors = [], parts = []
  hls.on(Hls.Events.ERROR, (_, error) => errors.push([error.details, error.fatal, String(error.error ?? '')]))
  hls.on(Hls.Events.FRAG_LOADED, (_, data) => { if (data.part) parts.push(data.part.index) })
  hls.loadSource('/live/camera.m3u8')
  hls.attachMedia(video)
  video.play()
  window.state = () => ({
    time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth,
    latency: hls.latency, parts: parts.length, audio: video.webkitAudioDecodedByteCount, errors,
    fatal: errors.filter((error) => error[1]),
  })
</script>"""


async def page_of(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def script(request: Request) -> Response:
    return FileResponse(install(PACKAGE, "hls.js") / "node_modules" / "hls.js" / "dist" / "hls.js")


ROUTES = [Route("/watch", page_of), Route("/hls.js", script)]


async def until(page: Page, condition: str) -> None:
    try:
        await page.wait_for_function(f"(() => {{ const s = state(); return {condition} }})()", timeout=60_000)
    except Exception as error:
        raise AssertionError(f"{condition}: {json.dumps(await page.evaluate('state()'))}") from error


@pytest.mark.parametrize("encoders", [("libx264", "aac"), ("libx264", "libopus")], ids="+".join)
async def test_hls_js_plays_parts_with_sound_shortly_behind_the_publisher(
    browser: Browser, encoders: tuple[str, ...]
) -> None:
    async with broadcasting(routes=ROUTES) as broadcast:
        broadcast.publish(encoded(*encoders))
        page = await browser.new_page()
        try:
            await page.goto(f"{broadcast.origin}/watch")
            await until(page, "s.time > 3 && s.frames > 50 && s.parts > 4 && s.audio > 0 && s.width === 320")
            await until(page, "s.latency < 5")  # a starved browser falls behind, and makes up for it
            state = await page.evaluate("state()")
            assert state["fatal"] == []
        finally:
            await page.close()


async def test_hls_js_goes_on_when_a_publisher_comes_back_with_other_settings(browser: Browser) -> None:
    async with broadcasting(routes=ROUTES) as broadcast:
        publication = broadcast.publish(encoded("libx264", "aac"))
        page = await browser.new_page()
        try:
            await page.goto(f"{broadcast.origin}/watch")
            await until(page, "s.time > 1 && s.frames > 20")
            await broadcast.stop()
            publication.close()
            broadcast.publish(encoded("libx264", "libopus"))
            time_s = (await page.evaluate("state()"))["time"]
            await until(page, f"s.time > {time_s + 4}")
            assert (await page.evaluate("state()"))["fatal"] == []
            (packager,) = broadcast.house.packagers
            assert max(packager.window.maps) == 2
        finally:
            await page.close()
