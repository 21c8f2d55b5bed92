"""One stream to many players: where they begin, what they are told, and what becomes of slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
import weakref
from collections.abc import Callable

import pytest

from miso.live.broadcast.broadcast import Broadcast
from miso.live.broadcast.broadcasts import Broadcasts
from miso.live.broadcast.player import BroadcastPlayer
from miso.live.broadcast.settings import PlayersSettings
from miso.live.flv_server.format import FlvFormat
from miso.live.media.amf import EcmaArray
from miso.live.media.amf0 import read_amf0, write_amf0
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.flv import FlvReader, Tag, TagType, packet_tag
from miso.live.media.packet import Packet
from miso.live.sessions.session import EndReason
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings
from miso.live.streams.subscription import Start
from tests.live.broadcast.peers import Viewer, connect, join
from tests.live.clock import FakeClock
from tests.live.media import records
from tests.live.streams.packets import picture, sound
from tests.patience import PATIENCE_S

AUDIO_CONFIG = Packet(TrackId(Kind.AUDIO), Codec.AAC, 0, records.AAC, is_config=True)


def video_config(last: int = 0) -> Packet:
    return Packet(TrackId(Kind.VIDEO), Codec.H264, 0, records.H264 + bytes((last,)), is_config=True)


class Studio:
    """A stream that is published, and its broadcast as FLV."""

    def __init__(self, settings: PlayersSettings | None = None, *, audio: bool = True, video: bool = True) -> None:
        self.clock = FakeClock()
        self.streams = Streams(StreamSettings(max_leap_s=1e7), self.clock, 10)
        self.publication: Publication = self.streams.publish("live/a", lambda: None)
        self.broadcasts = Broadcasts(settings or PlayersSettings(), self.clock)
        for is_there, config in ((video, video_config()), (audio, AUDIO_CONFIG)):
            if is_there:
                self.publication.write(config)

    @property
    def broadcast(self) -> Broadcast:
        stream = self.streams.get("live/a")
        assert stream is not None
        return self.broadcasts.get(stream, FlvFormat())

    def write(self, *packets: Packet) -> None:
        for packet in packets:
            self.publication.write(packet)


def times(tags: list[Tag], kind: TagType) -> list[int]:
    """Of the frames, without metadata and configurations."""
    is_frame: dict[TagType, Callable[[bytes], bool]] = {
        TagType.VIDEO: lambda body: body[1] == 1,
        TagType.AUDIO: lambda body: body[1] == 1,
    }
    return [tag.timestamp_ms for tag in tags if tag.tag_type is kind and is_frame[kind](tag.body)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # the kernel tells nobody
            await asyncio.sleep(0.005)


async def begun(studio: Studio) -> None:
    """Lets players begin whose timers have come."""
    await asyncio.sleep(0)
    studio.clock.advance(0.01)
    await asyncio.sleep(0)


async def test_who_begins_fast_gets_header_metadata_configurations_and_all_since_the_key_frame() -> None:
    studio = Studio()
    studio.write(picture(0, key=True), sound(10), picture(40), picture(80, key=True), sound(90), picture(120))
    viewer = await join(studio.broadcast)
    await begun(studio)
    tags = await viewer.tags(6)
    assert [tag.tag_type for tag in tags[:3]] == [TagType.SCRIPT, TagType.AUDIO, TagType.VIDEO]
    assert times(tags, TagType.VIDEO) == [80, 120]
    assert times(tags, TagType.AUDIO) == [90]
    name, members = read_amf0(tags[0].body)
    assert name == "onMetaData"
    assert isinstance(members, dict)
    assert members["hasAudio"] is True
    assert members["hasVideo"] is True
    assert [tag.timestamp_ms for tag in tags[1:]] == sorted(tag.timestamp_ms for tag in tags[1:])
    viewer.close()
    assert not len(studio.broadcasts)


@pytest.mark.parametrize(
    ("start", "sounds", "pictures"), [(Start.LIVE, [90, 130, 170], [160]), (Start.KEY, [170], [160])]
)
async def test_who_begins_with_the_next_key_frame_gets_no_picture_before(
    start: Start, sounds: list[int], pictures: list[int]
) -> None:
    studio = Studio()
    studio.write(picture(0, key=True), sound(10), picture(40))
    viewer = await join(studio.broadcast, start)
    await begun(studio)
    studio.write(sound(90), picture(120), sound(130), picture(160, key=True), sound(170))
    tags = await viewer.tags(3 + len(sounds) + len(pictures))
    assert times(tags, TagType.VIDEO) == pictures
    assert times(tags, TagType.AUDIO) == sounds
    viewer.close()


async def test_without_the_gop_cache_everybody_waits_for_the_next_key_frame() -> None:
    studio = Studio(PlayersSettings(gop_cache=False))
    studio.write(picture(0, key=True), sound(10), picture(40))
    viewer = await join(studio.broadcast)
    await begun(studio)
    studio.write(picture(80), sound(90), picture(120, key=True), sound(130))
    tags = await viewer.tags(5)
    assert times(tags, TagType.VIDEO) == [120]
    assert times(tags, TagType.AUDIO) == [130]
    viewer.close()


async def test_streams_of_sound_alone_begin_with_at_most_their_last_second_and_say_so() -> None:
    studio = Studio(video=False)
    studio.write(*(sound(at) for at in range(0, 10_000, 20)))
    viewer = await join(studio.broadcast)
    await begun(studio)
    viewer.got += await asyncio.get_running_loop().sock_recv(viewer.theirs, 1 << 16)
    reader = FlvReader()
    tags = reader.feed(bytes(viewer.got))
    assert reader.header == (True, False)
    began = times(tags, TagType.AUDIO)[0]
    assert 10_000 - 2 * 1_000 <= began < 10_000
    viewer.close()


async def test_who_wants_no_sound_is_told_of_none_and_gets_none() -> None:
    studio = Studio()
    script = write_amf0("@setDataFrame", "onMetaData", EcmaArray(audiocodecid=10, hasAudio=True, width=7, author="me"))
    studio.write(Packet(TrackId(Kind.DATA), None, 0, script), picture(0, key=True), sound(10))
    viewer = await join(studio.broadcast, wants_audio=False)
    await begun(studio)
    studio.write(sound(20), picture(40), sound(60))
    tags = await viewer.tags(4)
    assert {tag.tag_type for tag in tags} == {TagType.SCRIPT, TagType.VIDEO}
    _, members = read_amf0(tags[0].body)
    assert isinstance(members, dict)
    assert (members["hasAudio"], members["hasVideo"], members["author"]) == (False, True, "me")
    assert "audiocodecid" not in members
    viewer.close()


async def test_a_kind_that_comes_later_goes_only_to_who_was_told_of_it() -> None:
    studio = Studio(audio=False)
    studio.write(picture(0, key=True))
    before = await join(studio.broadcast)
    await begun(studio)
    studio.write(AUDIO_CONFIG.at(20), sound(20), picture(40))
    await before.tags(4)
    after = await join(studio.broadcast)
    await begun(studio)
    studio.write(sound(60), picture(80))
    tags = await after.tags(9)
    assert times(tags, TagType.AUDIO) == [20, 60]
    assert times(await before.tags(5), TagType.VIDEO) == [0, 40, 80]
    before.close()
    after.close()


async def test_a_configuration_that_changes_reaches_everybody_before_its_key_frame() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    watching = await join(studio.broadcast)
    await begun(studio)
    waiting = await join(studio.broadcast, Start.KEY)
    await begun(studio)
    studio.write(video_config(7).at(40), picture(40, key=True), picture(80))
    new = await join(studio.broadcast)
    await begun(studio)
    tags = await watching.tags(7)
    assert [tag.body[1] for tag in tags if tag.tag_type is TagType.VIDEO] == [0, 1, 0, 1, 1]
    tags = await waiting.tags(6)
    assert [tag.body[1] for tag in tags if tag.tag_type is TagType.VIDEO] == [0, 0, 1, 1]
    videos = [tag.body for tag in await new.tags(5) if tag.tag_type is TagType.VIDEO]
    assert [body[1] for body in videos] == [0, 1, 1]
    assert videos[0].endswith(b"\7")
    for viewer in (watching, waiting, new):
        viewer.close()


async def test_who_joins_a_stream_of_weeks_begins_near_zero_and_who_is_there_goes_on() -> None:
    studio = Studio()
    studio.write(picture(0, key=True), sound(5))
    weeks_ms = 1 << 31
    old = await join(studio.broadcast)
    await begun(studio)
    assert times(await old.tags(5), TagType.VIDEO) == [0]
    studio.write(picture(weeks_ms, key=True), sound(weeks_ms + 5))
    assert times(await old.tags(7), TagType.VIDEO) == [0, weeks_ms]
    new, newer = await join(studio.broadcast), await join(studio.broadcast)
    assert len(studio.broadcasts) == 2
    await begun(studio)
    studio.write(picture(weeks_ms + 40), sound(weeks_ms + 45))
    for viewer in (new, newer):
        tags = await viewer.tags(7)
        assert times(tags, TagType.VIDEO) == [1_000, 1_040]
        assert times(tags, TagType.AUDIO) == [1_005, 1_045]
    assert times(await old.tags(9), TagType.VIDEO) == [0, weeks_ms, weeks_ms + 40]
    for viewer in (old, new, newer):
        viewer.close()
    await until(lambda: len(studio.broadcasts) == 0)


async def test_players_stay_while_the_publisher_is_away_and_end_with_the_stream() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    viewer = await join(studio.broadcast)
    await begun(studio)
    studio.publication.close()
    studio.publication = studio.streams.publish("live/a", lambda: None)
    studio.write(video_config().at(5_000), AUDIO_CONFIG.at(5_000), picture(5_000, key=True), sound(5_010))
    tags = await viewer.tags(6)
    assert [*times(tags, TagType.VIDEO), *times(tags, TagType.AUDIO)] == [0, 20, 30]
    studio.streams.close()
    await until(lambda: bool(viewer.ended))
    assert viewer.ended == [(EndReason.STREAM_ENDED, "")]
    assert not len(studio.broadcasts)
    viewer.close()


async def fill(studio: Studio, viewer: Viewer) -> None:
    """Sends until a player's connection takes no more."""
    at = 0
    while not viewer.player.place.blocked_since_us:
        studio.write(picture(at, key=True, size=50_000))
        at += 40
        await asyncio.sleep(0)


async def test_who_takes_nothing_is_closed_as_too_slow_and_others_miss_nothing() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    frozen = await join(studio.broadcast, small_buffers=True)
    healthy = await join(studio.broadcast)
    await begun(studio)
    await fill(studio, frozen)
    studio.clock.advance(9)
    assert not frozen.ended
    studio.clock.advance(2)
    assert frozen.ended[0][0] is EndReason.TOO_SLOW
    assert len(studio.broadcast) == 1
    assert not healthy.ended
    healthy.close()
    frozen.close()


async def test_while_we_stand_still_nobody_is_too_slow() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    reads, frozen = [await join(studio.broadcast, small_buffers=True) for _ in range(2)]
    await begun(studio)
    for viewer in (reads, frozen):
        await fill(studio, viewer)
    studio.clock.advance(1)
    studio.clock.stand_still(60)
    with contextlib.suppress(BlockingIOError):
        while reads.theirs.recv(1 << 16):  # all that the kernel had for it
            pass
    studio.clock.advance(1)
    assert not reads.ended
    await until(lambda: not reads.player.place.blocked_since_us or reads.player.place.blocked_since_us > 60_000_000)
    studio.clock.advance(1)
    assert not reads.ended
    reads.close()
    studio.clock.advance(12)
    assert frozen.ended[0][0] is EndReason.TOO_SLOW
    frozen.close()


async def test_who_is_overtaken_skips_to_a_key_frame_and_after_some_times_is_closed() -> None:
    studio = Studio(PlayersSettings(max_packets=4, max_skips=1))
    studio.write(picture(0, key=True))
    slow = await join(studio.broadcast, small_buffers=True)
    await begun(studio)
    at = 40
    for _ in range(200):
        for _ in range(8):
            studio.write(picture(at, key=True, size=50_000))
            at += 40
            await asyncio.sleep(0)
        studio.clock.advance(1)
        if slow.ended:
            break
        slow.got += await asyncio.get_running_loop().sock_recv(slow.theirs, 300_000)
        await asyncio.sleep(0.01)
    assert slow.ended[0][0] is EndReason.TOO_SLOW
    assert "overtaken 2 times" in slow.ended[0][1]
    assert slow.player.dropped_packets > 0
    assert FlvReader().feed(bytes(slow.got)), "what it got is whole"
    slow.close()


async def test_a_connection_that_breaks_ends_its_player_alone() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    gone, stays = await join(studio.broadcast), await join(studio.broadcast)
    await begun(studio)
    gone.theirs.close()
    at = 40

    while not gone.ended:
        studio.write(picture(at))
        at += 40
        await asyncio.sleep(0.002)
    assert gone.ended[0][0] is EndReason.DONE
    assert not stays.ended
    stays.close()
    gone.transport.abort()


class Together:
    """Players of whom the first to end takes the others along."""

    def __init__(self) -> None:
        self.players: list[BroadcastPlayer] = []
        self.connections: list[tuple[socket.socket, asyncio.Transport]] = []
        self.ended: list[EndReason] = []

    async def join(self, broadcast: Broadcast) -> None:
        theirs, transport = await connect()
        self.connections.append((theirs, transport))
        self.players.append(broadcast.add(transport, start=Start.FAST, on_end=self._on_end))

    def vanish(self) -> None:
        for theirs, _ in self.connections:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            theirs.close()

    def close(self) -> None:
        for theirs, transport in self.connections:
            transport.abort()
            theirs.close()

    def _on_end(self, reason: EndReason, detail: str) -> None:
        self.ended.append(reason)
        for player in self.players:
            player.remove()


async def test_players_who_break_together_may_end_one_another_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    studio, together = Studio(), Together()
    studio.write(picture(0, key=True))
    for _ in range(4):
        await together.join(studio.broadcast)
    stays = await join(studio.broadcast)
    await begun(studio)
    together.vanish()
    for at in range(40, 4_000, 40):
        studio.write(picture(at))
        await asyncio.sleep(0)
    await until(lambda: bool(together.ended))
    assert together.ended == [EndReason.DONE]
    assert len(studio.broadcast) == 1
    assert not stays.ended
    assert not caplog.records
    stays.close()
    together.close()


async def test_players_may_end_one_another_when_the_stream_ends(caplog: pytest.LogCaptureFixture) -> None:
    studio, together = Studio(), Together()
    studio.write(picture(0, key=True))
    for _ in range(4):
        await together.join(studio.broadcast)
    await begun(studio)
    studio.streams.close()
    await until(lambda: bool(together.ended))
    assert together.ended == [EndReason.STREAM_ENDED]
    assert not caplog.records
    together.close()


@pytest.mark.parametrize("through_transport", [False, True])
async def test_answers_come_between_packets_and_a_pause_ends_with_configurations_and_a_key_frame(
    through_transport: bool,
) -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    viewer = await join(studio.broadcast, before=b"before", through_transport=through_transport)
    await begun(studio)
    assert await viewer.read(6) == b"before"
    await viewer.tags(4)
    viewer.got.clear()
    viewer.player.say(b"answer")
    assert await viewer.read(6) == b"answer"
    viewer.player.pause()
    studio.write(picture(40), sound(40))
    await asyncio.sleep(0.01)
    viewer.player.resume()
    studio.write(picture(80), picture(120, key=True))
    whole = packet_tag(picture(120, key=True))
    got = await viewer.read(len(studio.broadcast.fanout.audio_restart + studio.broadcast.fanout.video_restart + whole))
    assert got.endswith(whole)
    assert viewer.player.sent_bytes > len(got)
    viewer.close()


async def test_too_many_answers_that_wait_end_a_player() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    viewer = await join(studio.broadcast, small_buffers=True)
    await begun(studio)
    await fill(studio, viewer)
    for _ in range(80):
        viewer.player.say(bytes(1_000))
    assert viewer.ended[0][0] is EndReason.TOO_SLOW
    viewer.close()


async def test_what_a_transport_has_left_to_write_goes_first() -> None:
    studio = Studio()
    studio.write(picture(0, key=True))
    theirs_first = bytes(range(256)) * 8_000
    theirs, transport = await connect(small_buffers=True)
    transport.write(theirs_first)
    assert transport.get_write_buffer_size()
    viewer = Viewer(theirs, transport)
    viewer.player = studio.broadcast.add(transport, start=Start.FAST, on_end=viewer.on_end)
    received = b""
    while len(received) < len(theirs_first):
        await begun(studio)
        try:
            received += theirs.recv(1 << 16)
        except BlockingIOError:
            await asyncio.sleep(0.001)
    viewer.got += received[len(theirs_first) :]
    assert received[: len(theirs_first)] == theirs_first
    await until(lambda: not transport.get_write_buffer_size())
    await begun(studio)
    await begun(studio)
    assert times(await viewer.tags(4), TagType.VIDEO) == [0]
    viewer.close()


async def test_a_broadcast_goes_with_its_last_player_without_waiting_for_the_collector() -> None:
    studio = Studio()
    studio.write(picture(0, key=True), sound(10))
    gc.collect()
    gc.disable()
    try:
        viewer = await join(studio.broadcast)
        await begun(studio)
        gone = weakref.ref(studio.broadcast)
        viewer.close()
        del viewer
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        studio.clock.advance(60)  # timers that were cancelled, too
        assert gone() is None
    finally:
        gc.enable()
