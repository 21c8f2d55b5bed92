"""A stream's life: publishers, readers, those who wait, and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.live.errors import RefusedError, StreamBusyError, StreamClosedError
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.streams.publication import Publication
from miso.live.streams.registry import Streams
from miso.live.streams.ring import Bounds
from miso.live.streams.stream import TRANSITIONS, Change, State, Stream, StreamSettings, Takeover
from miso.live.streams.subscription import Start, Subscription
from tests.live.clock import FakeClock
from tests.live.streams.packets import AUDIO, VIDEO, picture, sound, video_config


def nothing() -> None:
    pass


def streams(clock: FakeClock, **settings: object) -> Streams:
    return Streams(StreamSettings(**settings), clock, max_streams=10)  # type: ignore[arg-type]


def read(subscription: Subscription) -> list[tuple[Kind, int]]:
    got = []
    while (reading := subscription.next_now()) is not None:
        got.append((reading.packet.track.kind, reading.packet.dts_ms))
    return got


def a_gop(publish: Callable[[Packet], None], start_ms: int, pictures: int = 5) -> None:
    for number in range(pictures):
        publish(picture(start_ms + 40 * number, key=number == 0))
        publish(sound(start_ms + 40 * number + 5))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_stream_without_publisher_is_waited_for_and_then_over() -> None:
    clock = FakeClock()
    all_streams = streams(clock, wait_s=5)
    stream = all_streams.get_or_create("app/name")
    clock.advance(4.9)
    states = [stream.state]
    clock.advance(0.2)
    assert [*states, stream.state] == [State.WAITING, State.CLOSED]
    assert all_streams.get("app/name") is None


async def test_who_waits_is_told_when_nobody_comes() -> None:
    clock = FakeClock()
    stream = streams(clock).get_or_create("app/name")
    waiting = asyncio.ensure_future(stream.wait_for_tracks())
    await turns()
    clock.advance(5)
    with pytest.raises(StreamClosedError, match="app/name"):
        await waiting


async def test_who_waits_gets_the_tracks_as_soon_as_there_is_sound_and_picture() -> None:
    all_streams = streams(FakeClock())
    waiting = asyncio.ensure_future(all_streams.get_or_create("app/name").wait_for_tracks())
    await turns()
    publication = all_streams.publish("app/name", nothing)
    publication.write(video_config())
    await turns()
    assert not waiting.done()
    publication.write(sound(0))
    assert [track.id for track in await waiting] == [VIDEO, AUDIO]


async def test_a_stream_without_sound_is_given_after_a_while() -> None:
    clock = FakeClock()
    all_streams = streams(clock, tracks_wait_s=2)
    publication = all_streams.publish("app/name", nothing)
    publication.write(picture(0, key=True))
    waiting = asyncio.ensure_future(all_streams.get_or_create("app/name").wait_for_tracks())
    await turns()
    assert not waiting.done()
    clock.advance(2)
    assert [track.id for track in await waiting] == [VIDEO]


async def test_a_codec_that_is_of_no_use_is_left_out() -> None:
    all_streams = streams(FakeClock())
    publication = all_streams.publish("app/name", nothing)
    publication.write(picture(0, key=True))
    publication.write(sound(0))
    stream = all_streams.get_or_create("app/name")
    assert [track.id for track in await stream.wait_for_tracks(lambda track: track.codec is Codec.AAC)] == [AUDIO]


def test_a_second_publisher_is_refused() -> None:
    all_streams = streams(FakeClock())
    first = all_streams.publish("app/name", nothing)
    with pytest.raises(StreamBusyError):
        all_streams.publish("app/name", nothing)
    assert first.is_held


def test_a_second_publisher_takes_over_where_that_is_set_and_the_first_is_told() -> None:
    all_streams = streams(FakeClock(), takeover=Takeover.REPLACE)
    told: list[str] = []
    first = all_streams.publish("app/name", lambda: told.append("lost"))
    second = all_streams.publish("app/name", nothing)
    assert told == ["lost"]
    with pytest.raises(StreamClosedError):
        first.write(picture(0))
    first.close()
    assert second.is_held
    second.write(picture(0))


@pytest.mark.parametrize("grace_s", [0.0, 10.0])
async def test_a_publisher_that_is_not_there_any_more_is_replaced(grace_s: float) -> None:
    lost: list[str] = []

    async def is_there() -> bool:
        return len(lost) > 0

    all_streams = streams(FakeClock(), grace_s=grace_s)
    first = await all_streams.claim("live/a", lambda: lost.append("first"), is_there)
    stream = all_streams.get("live/a")
    second = await all_streams.claim("live/a", lambda: lost.append("second"), is_there)
    assert (lost, first.is_held, second.is_held) == (["first"], False, True)
    assert all_streams.get("live/a") is stream
    with pytest.raises(StreamBusyError):  # it is there
        await all_streams.claim("live/a", lambda: lost.append("third"), is_there)
    assert second.is_held


async def test_of_two_that_want_a_dead_ones_stream_one_gets_it() -> None:
    asked = asyncio.Event()

    async def is_there() -> bool:
        await asked.wait()
        return False

    all_streams = streams(FakeClock())
    all_streams.publish("live/a", lambda: None, is_there)
    claims = [asyncio.create_task(all_streams.claim("live/a", lambda: None, is_there)) for _ in range(2)]
    await asyncio.sleep(0)
    asked.set()
    first, second = await asyncio.gather(*claims, return_exceptions=True)
    assert isinstance(first, Publication)
    assert isinstance(second, StreamBusyError)


async def test_a_dead_publisher_that_goes_by_itself_leaves_its_stream_to_who_waits_for_it() -> None:
    async def is_there() -> bool:
        first.close()
        return False

    all_streams = streams(FakeClock(), grace_s=0.0)
    first = await all_streams.claim("live/a", lambda: None, is_there)
    assert (await all_streams.claim("live/a", lambda: None, is_there)).is_held


def test_players_stay_when_a_publisher_comes_back_in_time() -> None:
    clock = FakeClock()
    all_streams = streams(clock, grace_s=10)
    first = all_streams.publish("app/name", nothing)
    a_gop(first.write, 1_000)
    stream = all_streams.get_or_create("app/name")
    player = stream.subscribe(Start.FAST)
    read(player)
    first.close()
    clock.advance(9)
    states = [stream.state]
    second = all_streams.publish("app/name", nothing)
    clock.advance(20)
    assert [*states, stream.state] == [State.PUBLISHER_GONE, State.PUBLISHING]
    second.write(video_config(b"another", 70_000))
    second.write(picture(70_000, key=True))
    second.write(sound(70_005))
    got = read(player)
    assert [kind for kind, _ in got] == [Kind.VIDEO, Kind.VIDEO, Kind.AUDIO]
    assert got[2][1] - got[1][1] == 5  # sound and picture are as far apart as they were
    assert got[1][1] > 160


def test_a_publisher_that_comes_too_late_gets_another_stream() -> None:
    clock = FakeClock()
    all_streams = streams(clock, grace_s=10)
    all_streams.publish("app/name", nothing).close()
    old = all_streams.get_or_create("app/name")
    player = old.subscribe(Start.FAST)
    clock.advance(10)
    assert old.closed
    assert player.next_now() is None
    all_streams.publish("app/name", nothing)
    assert all_streams.get_or_create("app/name") is not old


def test_without_grace_a_stream_ends_with_its_publisher() -> None:
    all_streams = streams(FakeClock(), grace_s=0)
    publication = all_streams.publish("app/name", nothing)
    publication.close()
    assert len(all_streams) == 0


def test_closing_a_stream_tells_its_publisher() -> None:
    all_streams = streams(FakeClock())
    told: list[str] = []
    publication = all_streams.publish("app/name", lambda: told.append("lost"))
    all_streams.close()
    assert told == ["lost"]
    assert not publication.is_held
    with pytest.raises(StreamClosedError):
        publication.write(picture(0))


@pytest.mark.parametrize(
    "path", ["", "/", "a//b", "/a", "a/", "a/../b", "a/\n", "x" * 600, "a/b/c/d/e/f/g/h/i", "a\\b"]
)
def test_odd_paths_are_refused(path: str) -> None:
    with pytest.raises(RefusedError):
        streams(FakeClock()).publish(path, nothing)


def test_there_are_no_more_streams_than_allowed() -> None:
    all_streams = streams(FakeClock())
    for number in range(10):
        all_streams.publish(f"app/{number}", nothing)
    with pytest.raises(RefusedError):
        all_streams.publish("app/11", nothing)


def test_another_codec_takes_the_configuration_along() -> None:
    all_streams = streams(FakeClock())
    publication = all_streams.publish("app/name", nothing)
    publication.write(video_config(b"config"))
    publication.write(picture(0, key=True))
    stream = all_streams.get_or_create("app/name")
    publication.write(Packet(VIDEO, Codec.VP8, 40, b"key", is_key=True))
    assert stream.tracks[VIDEO].config is None
    assert read(stream.subscribe(Start.FAST)) == [(Kind.VIDEO, 40)]
    publication.write(picture(80))
    assert read(stream.subscribe(Start.FAST)) == []


async def test_streams_that_nobody_publishes_keep_no_publisher_out() -> None:
    clock = FakeClock()
    all_streams = streams(clock)
    for name in ("live/left", "live/left later"):
        all_streams.publish(name, nothing).close()
    published = [all_streams.publish(f"live/{number}", nothing) for number in range(6)]
    first, second = all_streams.want("live/first"), all_streams.want("live/second")
    third = all_streams.want("live/third")  # who waits longest makes room, for players too
    assert (first.closed, second.closed) == (True, False)
    all_streams.publish("live/new", nothing)
    assert (second.closed, third.closed) == (True, False)
    all_streams.publish("live/newer", nothing)
    assert third.closed
    with pytest.raises(RefusedError):
        all_streams.want("live/fourth")
    assert all_streams.get("live/left") is not None  # who waits goes before who may come back
    all_streams.publish("live/newest", nothing)
    assert all_streams.get("live/left later") is None
    assert all_streams.get("live/left") is not None  # who floods with new names displaces its own
    all_streams.publish("live/last", nothing)
    assert all_streams.get("live/left") is None
    assert all_streams.displaced == 5
    with pytest.raises(RefusedError):
        all_streams.publish("live/too many", nothing)
    assert all(publication.is_held for publication in published)


def test_a_publisher_has_no_more_tracks_than_allowed() -> None:
    publication = streams(FakeClock(), max_tracks=2).publish("app/name", nothing)
    publication.write(Packet(TrackId(Kind.VIDEO, 1), Codec.H264, 0, b""))
    publication.write(Packet(TrackId(Kind.VIDEO, 2), Codec.H264, 0, b""))
    with pytest.raises(RefusedError):
        publication.write(Packet(TrackId(Kind.VIDEO, 3), Codec.H264, 0, b""))


class TestWhereAReaderBegins:
    def publishing(self) -> tuple[Streams, Stream, Callable[[Packet], None]]:
        all_streams = streams(FakeClock())
        publication = all_streams.publish("app/name", nothing)
        publication.write(video_config())
        a_gop(publication.write, 0)
        a_gop(publication.write, 200)
        return all_streams, all_streams.get_or_create("app/name"), publication.write

    def test_fast_is_with_the_latest_key_frame(self) -> None:
        _, stream, _ = self.publishing()
        assert read(stream.subscribe(Start.FAST))[:2] == [(Kind.VIDEO, 200), (Kind.AUDIO, 205)]

    def test_live_has_sound_at_once_and_pictures_from_the_next_key_frame_on(self) -> None:
        _, stream, write = self.publishing()
        player = stream.subscribe(Start.LIVE)
        assert read(player) == []
        write(picture(400))
        write(sound(405))
        assert read(player) == [(Kind.AUDIO, 405)]
        write(picture(440, key=True))
        write(picture(480))
        assert read(player) == [(Kind.VIDEO, 440), (Kind.VIDEO, 480)]

    def test_key_has_nothing_before_the_next_key_frame(self) -> None:
        _, stream, write = self.publishing()
        player = stream.subscribe(Start.KEY)
        write(picture(400))
        write(sound(405))
        assert read(player) == []
        write(picture(440, key=True))
        write(sound(445))
        assert read(player) == [(Kind.VIDEO, 440), (Kind.AUDIO, 445)]

    def test_fast_without_pictures_is_with_the_last_second_of_sound(self) -> None:
        all_streams = streams(FakeClock())
        publication = all_streams.publish("app/name", nothing)
        for number in range(100):
            publication.write(sound(20 * number))
        got = read(all_streams.get_or_create("app/name").subscribe(Start.FAST))
        assert got[0] == (Kind.AUDIO, 980)
        assert got[-1] == (Kind.AUDIO, 1_980)

    def test_fast_never_begins_before_a_change_of_configuration(self) -> None:
        _, stream, write = self.publishing()
        write(video_config(b"another", 390))
        player = stream.subscribe(Start.FAST, [Kind.VIDEO])
        write(picture(400))
        assert read(player) == []
        write(picture(440, key=True))
        assert read(player) == [(Kind.VIDEO, 440)]

    def test_past_is_with_the_oldest_key_frame_of_the_configuration_in_force(self) -> None:
        _, stream, write = self.publishing()
        assert read(stream.subscribe(Start.PAST))[:2] == [(Kind.VIDEO, 0), (Kind.AUDIO, 5)]
        write(video_config(b"another", 390))
        assert read(stream.subscribe(Start.PAST)) == []
        a_gop(write, 400)
        a_gop(write, 600)
        assert read(stream.subscribe(Start.PAST))[:2] == [(Kind.VIDEO, 400), (Kind.AUDIO, 405)]

    def test_past_without_pictures_is_with_all_sound_that_is_kept(self) -> None:
        all_streams = streams(FakeClock(), bounds=Bounds(packets=50))
        publication = all_streams.publish("app/name", nothing)
        for number in range(100):
            publication.write(sound(20 * number))
        got = read(all_streams.get_or_create("app/name").subscribe(Start.PAST))
        assert (len(got), got[0]) == (50, (Kind.AUDIO, 1_000))

    def test_a_configuration_that_is_repeated_is_not_passed_on(self) -> None:
        _, stream, write = self.publishing()
        player = stream.subscribe(Start.FAST)
        read(player)
        write(video_config())
        assert read(player) == []


def test_an_overtaken_reader_begins_anew_with_sound_and_picture_together() -> None:
    all_streams = streams(FakeClock(), bounds=Bounds(packets=8))
    publication = all_streams.publish("app/name", nothing)
    a_gop(publication.write, 0, 3)
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    first = player.next_now()
    assert first is not None
    for number in range(10):
        a_gop(publication.write, 1_000 * number + 120, 3)
    reading = player.next_now()
    while reading is not None and reading.packet.track.kind is Kind.AUDIO:
        reading = player.next_now()
    assert reading is not None
    assert reading.packet.is_key
    assert reading.skipped > 0
    assert read(player)[0][1] > reading.packet.dts_ms


@pytest.mark.parametrize("leap_ms", [10_500, -6_000, 3_600_000, 1 << 32, 1 << 60])
def test_a_leap_of_a_publishers_time_is_taken_out_for_all_tracks(leap_ms: int) -> None:
    all_streams = streams(FakeClock())
    publication = all_streams.publish("app/name", nothing)
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    begin_ms = 10_000
    for at_ms in [*range(begin_ms, begin_ms + 200, 40), *range(begin_ms + leap_ms, begin_ms + leap_ms + 200, 40)]:
        publication.write(picture(at_ms, key=True))
        publication.write(sound(at_ms + 7))
    got = read(player)
    assert [dts_ms for kind, dts_ms in got if kind is Kind.VIDEO] == [0, 40, 80, 120, 160, 187, 227, 267, 307, 347]
    assert [dts_ms for kind, dts_ms in got if kind is Kind.AUDIO] == [7, 47, 87, 127, 167, 194, 234, 274, 314, 354]


def test_sound_that_comes_seconds_late_keeps_its_time_beside_the_pictures() -> None:
    all_streams = streams(FakeClock())
    publication = all_streams.publish("app/name", nothing)
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    pictures = [40 * number for number in range(125)]
    for at_ms in pictures:
        publication.write(picture(at_ms, key=not at_ms))
        if at_ms >= 4_000:
            publication.write(sound(at_ms - 4_000))
    got = read(player)
    assert [dts_ms for kind, dts_ms in got if kind is Kind.VIDEO] == pictures
    assert [dts_ms for kind, dts_ms in got if kind is Kind.AUDIO] == pictures[:25]


def test_who_comes_back_begins_behind_what_was_before_though_the_first_packet_is_not_the_earliest() -> None:
    all_streams = streams(FakeClock())
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    for _ in range(2):
        publication = all_streams.publish("app/name", nothing)
        for at_ms in (500, 600):
            publication.write(sound(at_ms))
        publication.write(picture(300, key=True))
        publication.write(picture(560))
        publication.close()
    got = read(player)
    assert [dts_ms for kind, dts_ms in got if kind is Kind.AUDIO] == [0, 100, 120, 220]
    assert [dts_ms for kind, dts_ms in got if kind is Kind.VIDEO] == [0, 60, 120, 180]


def test_a_pause_of_a_publisher_that_the_clock_has_seen_stays() -> None:
    clock = FakeClock()
    all_streams = streams(clock)
    publication = all_streams.publish("app/name", nothing)
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    times = []
    for at_ms, passed_s in ((0, 3_600), (3_605_000, 0)):
        publication.write(picture(at_ms, key=True))
        times += [dts_ms for _, dts_ms in read(player)]
        clock.advance(passed_s)
    assert times == [0, 3_605_000]


@given(st.lists(st.integers(-3_000, 3_000), min_size=1, max_size=60), st.lists(st.booleans(), min_size=60, max_size=60))
def test_times_never_go_back_whatever_a_publisher_says(steps: list[int], again: list[bool]) -> None:
    clock = FakeClock()
    all_streams = streams(clock)
    publication = all_streams.publish("app/name", nothing)
    player = all_streams.get_or_create("app/name").subscribe(Start.FAST)
    at_ms = 0
    for step, comes_back in zip(steps, again, strict=False):
        at_ms = max(0, at_ms + step)
        publication.write(picture(at_ms, key=True))
        publication.write(sound(at_ms + 7))
        if comes_back:
            publication.close()
            publication = all_streams.publish("app/name", nothing)
    got = read(player)
    for kind in (Kind.AUDIO, Kind.VIDEO):
        times = [dts_ms for one, dts_ms in got if one is kind]
        assert len(times) == len(steps)
        assert times == sorted(times)


@given(st.lists(st.sampled_from(["publish", "write", "unpublish", "close", "time", "wait", "read", "cancel", "turn"])))
def test_no_order_of_events_leaves_anybody_waiting(operations: list[str]) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        stream = Stream("app/name", StreamSettings(grace_s=3), clock, lambda closed: None)
        tasks: list[asyncio.Task[object]] = []
        publication = None
        for number, operation in enumerate(operations):
            if operation == "publish" and publication is None and not stream.closed:
                publication = stream.publish(nothing)
            elif operation == "write" and publication is not None and publication.is_held:
                publication.write(picture(number, key=number % 3 == 0))
            elif operation == "unpublish" and publication is not None:
                publication.close()
                publication = None
            elif operation == "close":
                stream.close()
            elif operation == "time":
                clock.advance(2)
            elif operation == "wait":
                tasks.append(asyncio.ensure_future(stream.wait_for_tracks()))
            elif operation == "read" and not stream.closed:
                tasks.append(asyncio.ensure_future(until_the_end(stream.subscribe(Start.FAST))))
            elif operation == "cancel" and tasks:
                tasks.pop().cancel()
            elif operation == "turn":
                await asyncio.sleep(0)
        stream.close()
        await turns()
        assert all(task.done() for task in tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())


async def until_the_end(subscription: Subscription) -> None:
    while await subscription.next() is not None:
        pass


def test_the_table_of_transitions_lets_nothing_leave_the_end() -> None:
    assert not [state for state, _ in TRANSITIONS if state is State.CLOSED]
    for state in State:
        if state is not State.CLOSED:
            assert TRANSITIONS[state, Change.CLOSE] is State.CLOSED
