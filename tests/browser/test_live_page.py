"""The page of live streams in Chromium: shown, ended and played; by keyboard, on a phone; what strangers name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from miso.live.engine.engine import Engine
from miso.live.engine.settings_model import live_settings_model
from miso.live.flv_server.plugin import FlvServer
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.recording.plugin import RecordingPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.sessions.session import EndReason, Role, Session
from miso.live.statistics.plugin import StatisticsPlugin
from miso.live.web.plugin import WebPlugin
from tests.live.media import records
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, run, running
from tests.live.rtmp_server.serving import until

pytestmark = pytest.mark.asyncio(loop_scope="package")

PLUGINS = (WebPlugin, StatisticsPlugin)
MARKUP = "live/<img src=x onerror=window.hurt=1>"
SECRET = "of the höuse"


class House:
    """A live side on ports of its own, and a Chromium page that looks at it."""

    def __init__(self, engine: Engine, page: Page) -> None:
        self.engine = engine
        self.page = page
        self.live = engine.live
        port = next(plugin.port for plugin in engine.running if isinstance(plugin, WebPlugin))
        self.url = f"http://127.0.0.1:{port}"

    async def open(self, query: str = "") -> None:
        await self.page.goto(f"{self.url}/live/{query}")

    def session(self, role: Role, path: str = "live/a") -> Session:
        session = self.live.sessions.open("rtmp", "192.0.2.1", role, path, lambda: None)
        session.begin()
        return session

    def publish(self, path: str) -> None:
        publication = self.live.streams.publish(path, lambda: None)
        publication.write(Packet(TrackId(Kind.VIDEO), Codec.H264, 0, records.H264, is_config=True))
        for number in range(51):
            frame = Packet(TrackId(Kind.VIDEO), Codec.H264, number * 40, bytes(1000), is_key=number % 25 == 0)
            publication.write(frame)


@asynccontextmanager
async def house(browser: Browser, plugins: Any = PLUGINS, screen: Any = None, **sections: Any) -> AsyncIterator[House]:
    settings = live_settings_model(plugins)(
        **{"web": {"host": "127.0.0.1", "port": 0}, "streams": {"grace": 60}, **sections}
    )
    engine = Engine(settings, plugins)
    await engine.start()
    context = await browser.new_context(**(screen or {}))
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    try:
        yield House(engine, page)
    finally:
        await context.close()
        for session in engine.live.sessions:
            session.end(EndReason.DONE)
        await engine.stop()
    assert problems == []


async def test_streams_sessions_and_events_are_shown_as_they_change(built_page: None, browser: Browser) -> None:
    async with house(browser) as at:
        await at.open()
        page = at.page
        await expect(page.get_by_text("Nobody publishes")).to_be_visible()
        at.session(Role.PUBLISHER)
        at.session(Role.PLAYER)
        at.publish("live/a")
        await expect(page.get_by_role("heading", name="Streams (1)")).to_be_visible()
        await expect(page.get_by_text("video: avc1, 320×180, 25 per second, 204 kbit/s")).to_be_visible()
        await expect(page.get_by_role("heading", name="Sessions (2)")).to_be_visible()
        await expect(page.get_by_role("row", name="publisher live/a rtmp 192.0.2.1")).to_be_visible()
        plots = page.get_by_role("img")
        assert await plots.count() == 5
        await expect(page.get_by_role("img", name="Players: 1 now")).to_be_visible()
        session = at.session(Role.PLAYER, "live/late")
        session.end(EndReason.TOO_SLOW)
        await expect(page.get_by_text("stop live/late")).to_be_visible()
        await expect(page.get_by_text("too slow")).to_be_visible()


async def test_what_strangers_name_is_text(built_page: None, browser: Browser) -> None:
    async with house(browser) as at:
        await at.open()
        at.session(Role.PUBLISHER, MARKUP)
        at.publish(MARKUP)
        await expect(at.page.get_by_role("heading", name=MARKUP)).to_be_visible()
        await expect(at.page.get_by_text(f"codec {MARKUP}").or_(at.page.get_by_text(MARKUP)).first).to_be_visible()
        assert await at.page.evaluate("window.hurt === undefined && document.querySelector('main img') === null")


async def test_by_keyboard_a_session_is_kicked_and_a_stream_ended(built_page: None, browser: Browser) -> None:
    async with house(browser) as at:
        player = at.session(Role.PLAYER)
        at.publish("live/a b/c?d")
        await at.open()
        kick = at.page.get_by_role("button", name="Kick player of live/a, 192.0.2.1")
        await expect(kick).to_be_visible()
        for _ in range(20):
            await at.page.keyboard.press("Tab")
            if await kick.evaluate("button => button === document.activeElement"):
                break
        await at.page.keyboard.press("Enter")
        await expect(kick).to_have_count(0)
        assert player.end_reason is EndReason.KICKED
        await at.page.get_by_role("button", name="End live/a b/c?d").press("Enter")
        await expect(at.page.get_by_text("Nobody publishes")).to_be_visible()
        assert at.live.streams.get("live/a b/c?d") is None


async def test_on_a_phone_nothing_hangs_over_the_edge(built_page: None, browser: Browser) -> None:
    screen = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}
    async with house(browser, screen=screen) as at:
        at.session(Role.PUBLISHER, "live/" + "a" * 300)
        at.publish("live/" + "a" * 300)
        await at.open()
        end = at.page.get_by_role("button", name="End live/aaa")
        await expect(end).to_be_visible()
        assert await at.page.evaluate("document.documentElement.scrollWidth") <= 360
        box = await end.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        await end.tap()
        await expect(end).to_have_count(0)


async def test_with_a_secret_it_shows_nothing_before_it_is_given(built_page: None, browser: Browser) -> None:
    async with house(browser, operators={"secret": SECRET}) as at:
        at.session(Role.PUBLISHER)
        await at.open()
        secret = at.page.get_by_label("Secret")
        await secret.fill("another")
        await secret.press("Enter")
        await expect(at.page.get_by_text("for operators")).to_be_visible()
        await expect(at.page.get_by_role("heading", name="Sessions")).to_have_count(0)
        await secret.fill(SECRET)
        await secret.press("Enter")
        await expect(at.page.get_by_role("heading", name="Sessions (1)")).to_be_visible()
        await at.page.reload()
        await expect(at.page.get_by_role("heading", name="Sessions (1)")).to_be_visible()


async def test_plays_what_ffmpeg_publishes(built_page: None, browser: Browser) -> None:
    plugins = (WebPlugin, RtmpServer, FlvServer, StatisticsPlugin)
    async with house(browser, plugins, rtmp={"host": "127.0.0.1", "port": 0}) as at:
        rtmp = next(plugin.port for plugin in at.engine.running if isinstance(plugin, RtmpServer))
        url = f"rtmp://127.0.0.1:{rtmp}/live/a"
        async with running(*ffmpeg(url, *PICTURE, *SOUND, *H264, *AAC)):
            await at.open()
            await at.page.get_by_role("button", name="Play live/a").click()
            await at.page.wait_for_function(
                """() => { const video = document.querySelector("video");
                    return video && video.videoWidth === 320 && video.currentTime > 1
                        && video.getVideoPlaybackQuality().totalVideoFrames > 25
                        && video.webkitAudioDecodedByteCount > 0; }"""
            )
            await expect(at.page.get_by_role("row", name="player live/a http-flv 127.0.0.1")).to_be_visible()
            await expect(at.page.get_by_text("audio: mp4a, 48000 Hz, mono")).to_be_visible()
            await at.page.get_by_role("button", name="Close").press("Enter")
            await expect(at.page.get_by_text("player live/a", exact=True)).to_have_count(0)


async def test_plays_a_stream_for_who_is_no_operator(built_page: None, browser: Browser) -> None:
    plugins = (WebPlugin, RtmpServer, FlvServer, StatisticsPlugin)
    sections = {"rtmp": {"host": "127.0.0.1", "port": 0}, "operators": {"secret": SECRET}, "streams": {"wait": 0.2}}
    async with house(browser, plugins, **sections) as at:
        rtmp = next(plugin.port for plugin in at.engine.running if isinstance(plugin, RtmpServer))
        async with running(*ffmpeg(f"rtmp://127.0.0.1:{rtmp}/live/a", *PICTURE, *H264)):
            await until(lambda: at.live.streams.get("live/a") is not None)
            await at.open("?play=live/a")
            await at.page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5")
            await at.page.get_by_label("Stream").fill("live/nobody")
            await at.page.get_by_label("Stream").press("Enter")
            await expect(at.page.get_by_text("It cannot be played")).to_be_visible()


async def test_a_stream_is_recorded_and_what_goes_wrong_is_told(
    built_page: None, browser: Browser, tmp_path: Path
) -> None:
    plugins = (WebPlugin, RtmpServer, StatisticsPlugin, RecordingPlugin)
    sections = {
        "rtmp": {"host": "127.0.0.1", "port": 0},
        "recording": {"folder": tmp_path, "keep_free_bytes": 0},
        "streams": {"wait": 0.2},
    }
    async with house(browser, plugins, **sections) as at:
        rtmp = next(plugin.port for plugin in at.engine.running if isinstance(plugin, RtmpServer))
        async with running(*ffmpeg(f"rtmp://127.0.0.1:{rtmp}/live/a", *PICTURE, *SOUND, *H264, *AAC)):
            await at.open()
            page = at.page
            await page.get_by_role("button", name="Record live/a").click()
            await expect(page.get_by_role("status").filter(has_text="recording, 00:0")).to_be_visible()
            await expect(page.get_by_role("heading", name="Recordings (1 now)")).to_be_visible()
            await page.get_by_label("To be recorded").fill("live/a")
            await page.get_by_label("To be recorded").press("Enter")
            await expect(page.get_by_text("It cannot be recorded: 'live/a' is being recorded as mp4")).to_be_visible()
            some_seconds = re.compile(r"recording, 00:0\d:(0[2-9]|[1-5]\d)")
            await expect(page.get_by_role("status").filter(has_text=some_seconds)).to_be_visible()
            await page.get_by_role("button", name="Stop recording live/a").press("Enter")
            await expect(page.get_by_role("status").filter(has_text="recorded, 00:0")).to_be_visible()
            await expect(page.get_by_role("row", name="done: stopped")).to_be_visible()
            await expect(page.get_by_role("button", name="Record live/a")).to_be_visible()
            await page.get_by_label("To be recorded").fill("/live/nobody/")
            await page.get_by_role("button", name="Record", exact=True).click()
            await expect(page.get_by_role("cell", name="failed: live/nobody is not published")).to_be_visible()
        (file,) = await asyncio.to_thread(lambda: list(tmp_path.rglob("*.mp4")))
        code, out = await run(
            "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", str(file)
        )
        assert (code, out.split()) == (0, ["h264", "aac"])


async def test_without_a_recorder_there_is_no_button_for_it(built_page: None, browser: Browser) -> None:
    async with house(browser) as at:
        at.publish("live/a")
        await at.open()
        await expect(at.page.get_by_role("button", name="End live/a")).to_be_visible()
        await expect(at.page.get_by_role("button", name="Record")).to_have_count(0)
        await expect(at.page.get_by_role("heading", name="Recordings")).to_have_count(0)
