"""The page of live streams in Chromium plays by HLS, too, and stays of use with hundreds of sessions and odd names."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from miso.live.flv_server.plugin import FlvServer
from miso.live.hls.plugin import HlsPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.sessions.session import EndReason, Role
from miso.live.statistics.plugin import StatisticsPlugin
from miso.live.web.plugin import WebPlugin
from tests.browser.test_live_page import house
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, running

pytestmark = pytest.mark.asyncio(loop_scope="package")

PLAYS = """() => { const video = document.querySelector("video");
    return video && video.videoWidth === 320 && video.currentTime > 0.5
        && video.getVideoPlaybackQuality().totalVideoFrames > 12 && video.webkitAudioDecodedByteCount > 0; }"""
ODD = ("<img src=x onerror=window.hurt=1>", "\u202egnp.exe", '"><script>window.hurt=1</script>', "a&amp;b", "’ or 1=1")


async def test_plays_by_hls_and_by_flv_as_one_likes(built_page: None, browser: Browser) -> None:
    plugins = (WebPlugin, RtmpServer, FlvServer, HlsPlugin, StatisticsPlugin)
    async with house(browser, plugins, rtmp={"host": "127.0.0.1", "port": 0}) as at:
        url = f"rtmp://127.0.0.1:{at.live.ports['rtmp']}/live/a"
        async with running(*ffmpeg(url, *PICTURE, *SOUND, *H264, *AAC)):
            await at.open()
            await at.page.get_by_role("button", name="Play live/a").click()
            await at.page.wait_for_function(PLAYS)
            await at.page.get_by_label("by").select_option("hls")
            await expect(at.page.get_by_role("row", name="player live/a hls 127.0.0.1")).to_be_visible()
            await at.page.wait_for_function(PLAYS)
            await expect(at.page.get_by_text("player live/a http-flv", exact=True)).to_have_count(0)
            await at.open("?play=live/a&by=hls")
            await at.page.wait_for_function(PLAYS)
            await at.open("?play=live/nobody&by=hls")
            await expect(at.page.get_by_text("nobody publishes it")).to_be_visible()


async def test_hundreds_of_sessions_and_odd_names_leave_it_of_use(built_page: None, browser: Browser) -> None:
    async with house(browser) as at:
        paths = [f"live/{ODD[number % len(ODD)]}{number}".replace("</", "<") for number in range(500)]
        sessions = [at.session(Role.PLAYER if number else Role.PUBLISHER, path) for number, path in enumerate(paths)]
        for path in paths[:20]:
            at.publish(path)
        await at.open()
        await expect(at.page.get_by_role("heading", name="Sessions (500)")).to_be_visible()
        await expect(at.page.get_by_text("The first 200 are shown.")).to_be_visible()
        await at.page.get_by_role("button", name="Kick").nth(7).click()
        await expect(at.page.get_by_role("heading", name="Sessions (499)")).to_be_visible()
        assert sessions[7].end_reason is EndReason.KICKED
        for session in sessions[8:]:
            session.end(EndReason.DONE)
        await expect(at.page.get_by_role("heading", name="Sessions (7)")).to_be_visible()
        assert await at.page.evaluate(
            "window.hurt === undefined && document.querySelector('main img, main script') === null"
        )
