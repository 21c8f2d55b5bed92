"""What ffmpeg publishes, in the room page: listed, played, brought in, seen by everybody, and taken out; on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from miso.demo.server import DemoServer
from miso.live.bridge.plugin import RoomsPlugin
from miso.live.flv_server.plugin import FlvServer
from miso.live.recording.plugin import RecordingPlugin
from miso.live.rtmp_server.plugin import RtmpServer
from miso.live.web.plugin import WebPlugin
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.demo.bridged import bridged_server, rtmp_url
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, needs, run, running

pytest.importorskip("av", reason="PyAV is missing")
pytestmark = [pytest.mark.asyncio(loop_scope="package"), needs("ffmpeg")]

PATH = "live/obs"
PLAYS = """() => { const video = document.querySelector(".live-player video");
    return video && video.videoWidth === 320 && video.currentTime > 1 && video.webkitAudioDecodedByteCount > 0; }"""


@pytest_asyncio.fixture(loop_scope="package")
async def house(built_page: None, tmp_path: Path) -> AsyncIterator[DemoServer]:
    """A server in this process, and live streams beside it that people may bring in."""
    server = bridged_server(
        tmp_path,
        rooms={"page": "bring_in", "on_demand": True},
        more_live={
            "web": {"host": "127.0.0.1", "port": 0},
            "recording": {"folder": tmp_path / "recordings", "keep_free_bytes": 0},
        },
        plugins=(WebPlugin, RtmpServer, FlvServer, RecordingPlugin, RoomsPlugin),
        tcp=False,
    )
    await server.start()
    yield server
    await server.close()


async def receives(person: Person) -> None:
    async def flows() -> bool:
        reports = [report for report in await person.stats() if report["direction"] == "recv"]
        frames = sum(report["frames"] or 0 for report in reports if report["kind"] == "video")
        sounds = sum(report["packets"] for report in reports if report["kind"] == "audio")
        return frames > 40 and sounds > 40

    await eventually(flows, ARRIVAL_TIMEOUT, lambda: person.describe("the live stream did not arrive"))


async def test_is_listed_played_brought_in_seen_and_taken_out(crowd: Crowd, house: DemoServer) -> None:
    url = house.urls[0] + "/"
    loaded: list[str] = []
    ana = await crowd.join(url, "keynote", "Ana", produce="false")
    ben = await crowd.join(url, "keynote", "Ben", produce="false")
    ana.page.on("request", lambda request: loaded.append(request.url))
    await expect(ana.page.get_by_role("button", name="Live streams")).to_be_visible()  # she is in
    await ana.page.keyboard.press("l")
    await expect(ana.page.get_by_text("Nobody publishes a live stream")).to_be_visible()
    async with running(*ffmpeg(rtmp_url(house, PATH), *PICTURE, *SOUND, *H264, "-tune", "zerolatency", *AAC)):
        await expect(ana.page.get_by_text("H.264, AAC")).to_be_visible()
        assert not [one for one in loaded if "mpegts" in one]
        await ana.click(f"Play {PATH}")
        await ana.page.wait_for_function(PLAYS)
        assert [one for one in loaded if "mpegts" in one]
        await ana.page.get_by_role("button", name=f"Bring {PATH} in").press("Enter")
        for person in (ana, ben):
            await receives(person)
            await expect(person.tiles.filter(has_text=PATH)).to_be_visible()
        await expect(ana.page.get_by_text("in this room · H.264, AAC")).to_be_visible()
        await ben.click("Live streams")
        await ben.click(f"Take {PATH} out")
        for person in (ana, ben):
            await expect(person.tiles.filter(has_text=PATH)).to_have_count(0)
    await expect(ana.page.get_by_text("The stream is over.")).to_be_visible()
    await expect(ana.page.get_by_text("Nobody publishes a live stream")).to_be_visible()
    assert not ana.errors + ben.errors


async def test_what_cannot_be_brought_in_is_told_in_words(crowd: Crowd, house: DemoServer) -> None:
    ana = await crowd.join(house.urls[0] + "/", "keynote", "Ana", produce="false")
    bad = [*PICTURE, "-c:v", "libx264", "-bf", "3", "-x264-params", "b-adapt=0:b-pyramid=normal", "-g", "25"]
    async with running(*ffmpeg(rtmp_url(house, PATH), *bad, "-pix_fmt", "yuv420p")):
        await ana.click("Live streams")
        await ana.click(f"Bring {PATH} in")
        # It may have been there for a moment: until the first such frame
        await expect(ana.page.locator(".live-streams").get_by_text("bframes=0")).to_be_visible()
    assert not ana.errors


async def test_an_operator_records_the_room(crowd: Crowd, house: DemoServer, tmp_path: Path) -> None:
    url = house.urls[0] + "/"
    ana = await crowd.join(url, "stage", "Ana", forceH264="true")
    ben = await crowd.join(url, "stage", "Ben", produce="false")
    await ben.wait_for_media(ana)
    await ben.click("Live streams")
    await ben.click("Record rooms/stage")
    room = ben.page.get_by_role("region", name="Recording of this room")
    await expect(room.get_by_text(re.compile(r"recording, 00:0\d:(0[3-9]|[1-5]\d)"))).to_be_visible()
    await ben.click("Stop recording rooms/stage")
    await expect(room.get_by_text("recorded, 00:0")).to_be_visible()
    (file,) = (tmp_path / "recordings" / "rooms" / "stage").iterdir()
    entries = "stream=codec_name,duration:format=duration"
    code, out = await run("ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(file))
    assert code == 0, out
    found = json.loads(out)
    lengths_s = {stream["codec_name"]: float(stream["duration"]) for stream in found["streams"]}
    assert set(lengths_s) == {"h264", "aac"}
    assert min(lengths_s.values()) > 2
    assert not ana.errors + ben.errors


async def test_who_is_no_operator_sees_no_recordings(crowd: Crowd, built_page: None, tmp_path: Path) -> None:
    server = bridged_server(
        tmp_path,
        rooms={"page": "list"},
        more_live={"operators": {"secret": "of the house"}},
        plugins=(RtmpServer, RecordingPlugin, RoomsPlugin),
        tcp=False,
    )
    await server.start()
    try:
        ana = await crowd.join(server.urls[0] + "/", "quiet", "Ana", produce="false")
        async with ana.page.expect_response("**/api/v1/recordings") as refused:
            await ana.click("Live streams")
        assert (await refused.value).status == 401
        await expect(ana.page.get_by_text("Nobody publishes a live stream")).to_be_visible()
        await expect(ana.page.get_by_text("This room")).to_have_count(0)
        await ana.page.evaluate("sessionStorage.setItem('miso-live-secret', 'of the house')")
        await expect(ana.page.get_by_role("button", name="Record rooms/quiet")).to_be_visible()
    finally:
        await server.close()


async def test_on_a_phone_nothing_hangs_over_the_edge(crowd: Crowd, house: DemoServer) -> None:
    path = "live/" + "a" * 200
    ana = await crowd.join(house.urls[0] + "/", "keynote", "Ana")
    await ana.page.set_viewport_size({"width": 360, "height": 640})
    async with running(*ffmpeg(rtmp_url(house, path), *PICTURE, *H264)):
        await ana.click("Live streams")
        button = ana.page.get_by_role("button", name="Bring live/aaa")
        await expect(button).to_be_visible()
        box: Any = await button.bounding_box()
        assert box["height"] >= 44
        assert box["x"] + box["width"] <= 360
        assert await ana.page.evaluate("document.documentElement.scrollWidth") <= 360
        await expect(ana.page.get_by_role("button", name="Leave")).to_be_in_viewport(ratio=1)
    assert not ana.errors


async def test_without_live_streams_there_is_no_button(crowd: Crowd, built_page: None, tmp_path: Path) -> None:
    server = bridged_server(tmp_path, rooms={}, tcp=False)
    await server.start()
    try:
        ana = await crowd.join(server.urls[0] + "/", "quiet", "Ana", produce="false")
        await ana.page.wait_for_function("miso.state.phase === 'joined'")
        answer = await ana.page.evaluate("miso.client.request('getLiveStreams')")
        assert answer["shown"] is False
        await expect(ana.page.get_by_role("button", name="People")).to_be_visible()
        await expect(ana.page.get_by_role("button", name="Live streams")).to_have_count(0)
        assert not ana.errors
    finally:
        await server.close()
