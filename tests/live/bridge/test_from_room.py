"""A room's people as a live stream: what a player of it sees and hears, while they come, go, fall silent and lose."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from miso import Worker, create_worker
from miso.demo.workers.media_workers import MEDIA_CODECS
from miso.live.bridge.from_room.audio_receiver import SoundForm
from miso.live.bridge.from_room.choice import SPEAKER
from miso.live.bridge.from_room.opus_silence import SILENCE
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.bridge.from_room.room_stream import RoomStream, Surroundings
from miso.live.bridge.rooms import RoomClosedError
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.errors import RefusedError, StreamBusyError, StreamClosedError, StreamReplacedError
from miso.live.media.aac import read_aac_config
from miso.live.media.avc import read_avc_config, read_avc_sps
from miso.live.media.codec import Codec, Kind
from miso.live.media.packet import Packet
from miso.live.streams.registry import Streams
from miso.live.streams.stream import StreamSettings, Takeover
from miso.live.streams.subscription import Start

pytest.importorskip("av", reason="PyAV is missing")
flashes = pytest.importorskip("tests.live.bridge.flashes")
one_room = pytest.importorskip("tests.live.bridge.one_room")
camera = pytest.importorskip("tests.live.bridge.camera")

PATH = "rooms/r/ada"
TIMEOUT_S = 60
VP8 = {
    "codecs": [{"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}],
    "encodings": [{"ssrc": 1}],
}
H264_ALONE = (PictureCodec.H264,)
MANY = 256


def nothing() -> None:
    """Nobody wants to know."""


class Player:
    """Plays a live stream from its first packet on."""

    def __init__(self, streams: Streams) -> None:
        self.eye = flashes.Eye()
        self.ear: Any = None
        self.packets: list[Packet] = []
        self.news = asyncio.Event()
        self._subscription = streams.get_or_create(PATH).subscribe(Start.FAST)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (reading := await self._subscription.next()) is not None:
            packet = reading.packet
            self.packets.append(packet)
            if packet.track.kind is Kind.VIDEO:
                self.eye.see(packet)
            elif packet.is_config:
                assert packet.codec is not None
                is_aac = packet.codec is Codec.AAC
                self.ear = flashes.Ear("aac" if is_aac else "libopus", packet.payload if is_aac else b"")
            else:
                self.ear.hear(packet.dts_ms, packet.payload)
            self.news.set()

    async def until(self, is_enough: Callable[[], object]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not is_enough():
                if self._reading.done():
                    self._reading.result()
                    raise AssertionError("the stream is over")
                self.news.clear()
                await self.news.wait()

    def of(self, kind: Kind) -> list[Packet]:
        return [packet for packet in self.packets if packet.track.kind is kind and not packet.is_config]

    def configs(self, kind: Kind) -> list[bytes]:
        return [packet.payload for packet in self.packets if packet.track.kind is kind and packet.is_config]

    def stop(self) -> None:
        self._reading.cancel()


@pytest.fixture
async def scene(room: Any) -> AsyncIterator[Any]:
    """A room, the streams, and what a stream of the room needs."""
    streams = Streams(StreamSettings(grace_s=5, wait_s=30), asyncio.get_running_loop(), 10)
    thread = TranscodingThread()
    running: list[asyncio.Task[None]] = []

    def start(
        who: str = "ada",
        sound: SoundForm = SoundForm.AAC,
        interval_s: float = 0,
        codecs: tuple[PictureCodec, ...] = tuple(PictureCodec),
        streams: Streams = streams,
        unix_s: Callable[[], float] = time.time,
    ) -> tuple[RoomStream, Any]:
        around = Surroundings(room, streams, thread, asyncio.get_running_loop(), unix_s, codecs, interval_s)
        stream = RoomStream("r", who, PATH, sound, around)
        running.append(asyncio.create_task(stream.run(nothing)))
        return stream, running[-1]

    yield SimpleNamespace(room=room, streams=streams, start=start, play=lambda: Player(streams))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    thread.close()


async def test_pictures_and_sound_come_together_though_sound_is_late(scene: Any) -> None:
    _, running = scene.start()
    player = scene.play()
    ada = camera.Camera(scene.room.router, "ada")
    ada.audio_late_s = 0.3
    await ada.open()
    scene.room.put("ada", ada.producers)

    def skews() -> list[int]:
        """Of the last seconds: what comes before both senders have told their clocks need not be together."""
        assert player.ear is not None
        all_of_them: list[int] = flashes.skews_ms(player.eye.flashes_ms, player.ear.beeps_ms[:-1])
        return all_of_them[-4:]

    await player.until(lambda: len(player.eye.flashes_ms) >= 8 and player.ear and len(player.ear.beeps_ms) >= 8)
    try:  # a machine without time may part them until the next reports
        await player.until(lambda: max(abs(skew) for skew in skews()) <= 80)
    except TimeoutError:
        raise AssertionError(skews()) from None
    aac = read_aac_config(player.configs(Kind.AUDIO)[0])
    assert (aac.sample_rate_hz, aac.channels) == (48_000, 2)
    times = [packet.dts_ms for packet in player.of(Kind.VIDEO)]
    assert times == sorted(times)
    assert (times[-1] - times[-50]) / 49 == pytest.approx(40, abs=2)
    assert not running.done()
    ada.close()
    player.stop()


async def test_pictures_that_are_late_do_not_all_begin_with_the_sound(scene: Any) -> None:
    scene.start(sound=SoundForm.OPUS)
    player = scene.play()
    ada = camera.Camera(scene.room.router, "ada")
    ada.pictures_late_s = 1.0
    await ada.open()
    await asyncio.sleep(2)  # until pictures come
    scene.room.put("ada", ada.producers)
    await player.until(lambda: len(player.of(Kind.VIDEO)) >= 30 and player.of(Kind.AUDIO))
    times = [packet.dts_ms for packet in player.of(Kind.VIDEO)]
    assert times == sorted(set(times))
    assert player.packets[0].track.kind is Kind.VIDEO
    assert player.of(Kind.AUDIO)[0].dts_ms > times[0] + 200
    ada.close()
    player.stop()


async def test_opus_passes_through_where_it_is_set_so(scene: Any) -> None:
    scene.start(sound=SoundForm.OPUS)
    player = scene.play()
    ada = await scene.room.camera("ada", pictures=False)
    await player.until(lambda: player.ear and player.ear.beeps_ms)
    assert {packet.codec for packet in player.of(Kind.AUDIO)} == {Codec.OPUS}
    ada.close()
    player.stop()


async def test_after_losses_pictures_go_on_with_a_key_frame_that_is_asked_for(scene: Any) -> None:
    stream, _ = scene.start()
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)
    await player.until(lambda: len(player.of(Kind.VIDEO)) > 20)
    before = ada.key_frames
    ada.loses = lambda number: number % 25 == 0
    await player.until(lambda: ada.key_frames >= before + 2)
    ada.loses = lambda number: False
    seen = len(player.of(Kind.VIDEO))
    await player.until(lambda: len(player.of(Kind.VIDEO)) > seen + 30)
    assert stream.counts.lost > 0
    assert stream.counts.key_frame_requests > 0
    ada.close()
    player.stop()


async def test_key_frames_come_at_the_interval_and_for_new_players(scene: Any) -> None:
    stream, _ = scene.start(interval_s=1.0)
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)
    await player.until(lambda: sum(packet.is_key for packet in player.of(Kind.VIDEO)) >= 4)
    asked = stream.counts.key_frame_requests
    stream.player_came()
    stream.player_came()
    assert stream.counts.key_frame_requests <= asked + 1
    ada.close()
    player.stop()


async def test_who_comes_late_has_a_picture_to_begin_with_within_300_ms(scene: Any) -> None:
    stream, _ = scene.start()
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)

    def keys() -> int:
        return sum(packet.is_key for packet in player.of(Kind.VIDEO))

    def asks() -> bool:
        asked = stream.counts.key_frame_requests
        stream.player_came()
        return bool(stream.counts.key_frame_requests > asked)

    waits_s = []
    for _ in range(5):  # of which the machine may spoil some
        await player.until(lambda: keys() and asks())  # at once, unless the last one is fresh
        began_s, before = time.monotonic(), keys()
        await player.until(lambda before=before: keys() > before)
        waits_s.append(time.monotonic() - began_s)
    assert min(waits_s) <= 1, waits_s
    ada.close()
    player.stop()


async def test_another_size_comes_with_another_configuration(scene: Any) -> None:
    scene.start()
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)
    await player.until(lambda: len(player.of(Kind.VIDEO)) > 5)
    ada.size = (160, 96)
    await player.until(lambda: len(player.configs(Kind.VIDEO)) == 2)
    pictures = [read_avc_sps(read_avc_config(config).sps[0]) for config in player.configs(Kind.VIDEO)]
    assert [(picture.width, picture.height) for picture in pictures] == [(320, 180), (160, 96)]
    ada.close()
    player.stop()


async def test_a_microphone_that_is_switched_off_is_silence(scene: Any) -> None:
    scene.start()
    player = scene.play()
    ada = await scene.room.camera("ada", pictures=False)
    await player.until(lambda: player.ear and player.ear.beeps_ms)
    await ada.producers[0].pause()
    heard = player.of(Kind.AUDIO)[-1].dts_ms
    await player.until(lambda: player.of(Kind.AUDIO)[-1].dts_ms > heard + 3_000)
    times = [packet.dts_ms for packet in player.of(Kind.AUDIO)]
    assert max(later - one for one, later in itertools.pairwise(times)) < 60
    beeps = len(player.ear.beeps_ms)
    await ada.producers[0].resume()
    await player.until(lambda: len(player.ear.beeps_ms) > beeps + 1)
    ada.close()
    player.stop()


def interrupt_next_wait() -> None:
    """As SIGSTOP and SIGCONT do: what has come is not told by it, so timers ring before it is read."""
    selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    wait = selector.select

    def interrupted(timeout: float | None = None) -> list[Any]:
        selector.select = wait
        return []

    selector.select = interrupted


async def test_what_was_said_while_we_stood_still_is_heard(scene: Any) -> None:
    scene.start(sound=SoundForm.OPUS)
    player = scene.play()
    ada = await scene.room.camera("ada", pictures=False)
    await player.until(lambda: player.ear and player.ear.beeps_ms)
    ada.be_silent()
    await asyncio.sleep(0.2)
    said = [b"\xfc" + number.to_bytes(2, "big") for number in range(100)]
    ada.say_and_hold_up(said, ada.age_ms)
    interrupt_next_wait()
    await player.until(lambda: player.of(Kind.AUDIO)[-1].payload == SILENCE)
    heard = [packet.payload for packet in player.of(Kind.AUDIO) if packet.payload in set(said)]
    assert heard == said
    ada.close()
    player.stop()


@pytest.mark.parametrize(
    ("sound", "set_by_s", "speaks"),
    [
        (SoundForm.OPUS, -300.0, True),
        (SoundForm.AAC, -300.0, True),
        (SoundForm.AAC, -300.0, False),
        (SoundForm.AAC, 300.0, False),
    ],
)
async def test_sound_goes_on_when_our_clock_is_set(scene: Any, sound: SoundForm, set_by_s: float, speaks: bool) -> None:
    steps_s = [0.0]
    scene.start(sound=sound, unix_s=lambda: time.time() + steps_s[-1])
    player = scene.play()
    ada = await scene.room.camera("ada", pictures=False)
    await player.until(lambda: player.ear and player.ear.beeps_ms)
    if not speaks:
        await ada.producers[0].pause()
        heard = player.of(Kind.AUDIO)[-1].dts_ms
        await player.until(lambda: player.of(Kind.AUDIO)[-1].dts_ms > heard + 1_000)
    before_ms, begun_s = player.of(Kind.AUDIO)[-1].dts_ms, time.monotonic()
    steps_s.append(set_by_s)
    await player.until(lambda: player.of(Kind.AUDIO)[-1].dts_ms > before_ms + 2_000)
    assert time.monotonic() - begun_s > 1.5
    times = [packet.dts_ms for packet in player.of(Kind.AUDIO)]
    assert times == sorted(times)
    ada.close()
    player.stop()


async def test_a_camera_that_comes_back_goes_on_in_the_same_stream(scene: Any) -> None:
    _, running = scene.start()
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)
    await player.until(lambda: len(player.of(Kind.VIDEO)) > 10)
    ada.close()
    again = await scene.room.camera("ada", sound=False)
    seen = len(player.of(Kind.VIDEO))
    await player.until(lambda: len(player.of(Kind.VIDEO)) > seen + 10)
    times = [packet.dts_ms for packet in player.of(Kind.VIDEO)]
    assert times == sorted(times)
    assert not running.done()
    again.close()
    player.stop()


async def test_the_speaker_is_shown_and_then_the_next(scene: Any) -> None:
    stream, _ = scene.start(SPEAKER)
    player = scene.play()
    ada = await scene.room.camera("ada", sound=False)
    await player.until(lambda: len(player.of(Kind.VIDEO)) > 10)
    grace = camera.Camera(scene.room.router, "grace")
    grace.size = (160, 96)
    await grace.open(sound=False)
    scene.room.put("grace", grace.producers)
    assert len(player.configs(Kind.VIDEO)) == 1
    stream.speaker_changed("grace")
    await player.until(lambda: len(player.configs(Kind.VIDEO)) == 2)
    stream.speaker_changed("nobody")
    grace.close()
    await player.until(lambda: len(player.configs(Kind.VIDEO)) == 3)
    ada.close()
    player.stop()


async def test_who_sends_what_the_settings_leave_out_is_refused_with_the_reason(scene: Any) -> None:
    transport = await scene.room.router.create_direct_transport()
    scene.room.put("ada", [await transport.produce(kind="video", rtp_parameters=VP8)])
    _, running = scene.start(codecs=H264_ALONE)
    with pytest.raises(RefusedError, match="ada sends video/VP8, a live stream takes video/h264 from rooms"):
        await asyncio.wait_for(running, TIMEOUT_S)


async def test_a_path_that_is_taken_is_refused(scene: Any) -> None:
    scene.streams.publish(PATH, lambda: None)
    _, running = scene.start()
    with pytest.raises(StreamBusyError):
        await asyncio.wait_for(running, TIMEOUT_S)


async def test_who_ends_the_stream_ends_it(scene: Any) -> None:
    _, running = scene.start()
    ada = await scene.room.camera("ada")
    player = scene.play()
    await player.until(lambda: player.packets)
    scene.streams.get(PATH).close()
    with pytest.raises(StreamClosedError):
        await asyncio.wait_for(running, TIMEOUT_S)
    ada.close()


async def test_a_worker_that_dies_ends_it_and_says_so(scene: Any, worker: Worker) -> None:
    _, running = scene.start()
    ada = await scene.room.camera("ada")
    player = scene.play()
    await player.until(lambda: player.packets)
    worker.kill("a test")
    with pytest.raises(RoomClosedError):
        await asyncio.wait_for(running, TIMEOUT_S)
    _, again = scene.start()
    with pytest.raises(RoomClosedError):
        await asyncio.wait_for(again, TIMEOUT_S)
    ada.close()
    player.stop()


async def test_a_room_that_closes_while_the_stream_begins_leaves_nothing(scene: Any, worker: Worker) -> None:
    async def begin(wait_s: float | None) -> None:
        scene.room.router = await worker.create_router(media_codecs=MEDIA_CODECS)
        _, running = scene.start()
        await asyncio.sleep(0 if wait_s is None else wait_s)
        scene.room.router.close()
        with pytest.raises(RoomClosedError):
            await asyncio.wait_for(running, TIMEOUT_S)

    await begin(None)
    descriptors = len(os.listdir("/proc/self/fd"))
    for step in range(30):  # from before its transport is asked for until it is connected
        await begin(step / 2_000)
    assert len(os.listdir("/proc/self/fd")) <= descriptors


async def test_a_worker_that_dies_while_the_stream_begins_ends_it(scene: Any) -> None:
    for step in range(5):
        async with await create_worker(log_level="warn") as worker:
            scene.room.router = await worker.create_router(media_codecs=MEDIA_CODECS)
            _, running = scene.start()
            await asyncio.sleep(step / 1_000)
            worker.kill("a test")
            with pytest.raises(RoomClosedError):
                await asyncio.wait_for(running, TIMEOUT_S)


async def test_a_person_who_sends_a_lot_is_shown_by_the_first_that_is_of_use(scene: Any) -> None:
    transport = await scene.room.router.create_direct_transport()

    def parameters(ssrc: int) -> dict[str, object]:
        return {**VP8, "encodings": [{"ssrc": ssrc}]}

    others = [
        await transport.produce(kind="video", rtp_parameters=parameters(ssrc)) for ssrc in range(1_000, 1_000 + MANY)
    ]
    ada = camera.Camera(scene.room.router, "ada")
    await ada.open(sound=False)
    scene.start(codecs=H264_ALONE)
    player = scene.play()
    scene.room.put("ada", [*others, *ada.producers])
    await player.until(lambda: len(player.of(Kind.VIDEO)) > 10)
    ada.close()
    player.stop()


async def test_a_stream_that_another_publisher_takes_over_is_told_from_one_that_was_ended(scene: Any) -> None:
    streams = Streams(StreamSettings(takeover=Takeover.REPLACE), asyncio.get_running_loop(), 10)
    _, running = scene.start(streams=streams)
    ada = await scene.room.camera("ada", sound=False)
    await streams.get_or_create(PATH).wait_for_tracks()
    publication = streams.publish(PATH, nothing)
    with pytest.raises(StreamReplacedError):
        await asyncio.wait_for(running, TIMEOUT_S)
    _, again = scene.start(streams=streams)
    with pytest.raises(StreamBusyError):
        await asyncio.wait_for(again, TIMEOUT_S)
    assert publication.is_held
    ada.close()
