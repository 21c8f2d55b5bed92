"""Requests of players: what they get, what they wait for, and how they are turned away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urljoin

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.hls.service import Asked
from miso.live.hls.settings import HlsSettings
from miso.live.hls.viewers import MAX_ASKING
from miso.live.media.packet import Codec, Kind, Packet, TrackId
from miso.live.sessions.events import EventKind
from miso.live.sessions.session import Role
from miso.live.sessions.settings import SessionsSettings
from tests.live.hls.cutting import UNIX_S, again, encoded
from tests.live.hls.house import PATH, House, house, send

pytest.importorskip("av", reason="PyAV is missing")
T = TypeVar("T")
FIRST = f"http://host/{PATH}.m3u8"


def client(made: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(made.app), timeout=60)


def addresses(url: str, text: str) -> list[str]:
    """What a playlist leads to."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [urljoin(url, found) for found in lines + re.findall(r'URI="([^"]+)"', text)]


async def media_url(http: httpx.AsyncClient) -> str:
    answer = await http.get(FIRST)
    assert answer.status_code == 200, answer.text
    return addresses(FIRST, answer.text)[0]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # it is no event of ours
            await asyncio.sleep(0)


async def test_a_player_finds_its_way_from_the_first_playlist_to_every_piece() -> None:
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), again(encoded("libx264", "aac"), 3))
        url = await media_url(http)
        text = (await http.get(url)).text
        pieces = addresses(url, text)
        # Begun with the newest group of pictures: the newest part of it is still to come.
        hinted = re.findall(r'PRELOAD-HINT:TYPE=PART,URI="([^"]+)"', text)
        got = [await http.get(piece) for piece in pieces if not piece.endswith(hinted[0].removeprefix("./"))]
        assert got
        assert {answer.status_code for answer in got} == {200}
        assert {answer.headers["content-type"] for answer in got} == {"video/mp4"}
        assert {answer.headers["access-control-allow-origin"] for answer in got} == {"*"}
        (session,) = made.sessions
        assert (session.protocol, session.path, session.address) == ("hls", PATH, "127.0.0.1")
        assert session.bytes_out > sum(len(answer.content) for answer in got)
        assert [event.kind for event in made.events] == [EventKind.PLAY]


async def test_what_was_sent_is_counted_while_every_thread_has_work() -> None:
    threads = current_default_thread_limiter()
    busy = [object() for _ in range(int(threads.available_tokens))]
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), again(encoded("libx264", "aac"), 3))
        for one in busy:
            await threads.acquire_on_behalf_of(one)
        try:
            async with asyncio.timeout(60):
                answer = await http.get(FIRST)
        finally:
            for one in busy:
                threads.release_on_behalf_of(one)
        (session,) = made.sessions
        assert session.bytes_out == len(answer.content) > 0


async def test_a_playlist_waits_for_the_part_that_is_asked_for() -> None:
    async with house() as (made, _), client(made) as http:
        publication = made.publish()
        packets = again(encoded("libx264"), 4)
        await send(publication, packets[:45], _)
        url = await media_url(http)
        number, part = re.findall(r"p(\d+)-(\d+)\.m4s", (await http.get(url)).text)[-1]
        waiting = asyncio.ensure_future(http.get(f"{url}&_HLS_msn={number}&_HLS_part={part}"))
        hinted = asyncio.ensure_future(http.get(addresses(url, (await http.get(url)).text)[-1]))
        await until(lambda: made.service.waiting == 2)
        await send(publication, packets[45:75])
        text = (await waiting).text
        assert f"/p{number}-{part}.m4s".replace("/", "-") in text.replace('PRELOAD-HINT:TYPE=PART,URI="', "")
        assert (await hinted).status_code == 200
        assert len((await hinted).content) > 100


async def test_a_stream_of_codecs_that_segments_have_no_form_of_is_refused_at_once_with_the_reason() -> None:
    async with house() as (made, _), client(made) as http:
        publication = made.publish()
        publication.write(Packet(TrackId(Kind.VIDEO), Codec.VP8, 0, b"x", is_key=True))
        publication.write(Packet(TrackId(Kind.AUDIO), Codec.AC3, 0, b"x", is_key=True))
        answer = await http.get(FIRST)
        assert (answer.status_code, answer.text.strip()) == (
            404,
            f"{PATH} has vp08, ac-3, which HLS does not have here",
        )


async def test_waiting_ends_in_time_when_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(HlsSettings(part_s=0.1, segment_s=0.5)) as (made, clock), client(made) as http:
        await send(made.publish(), encoded("libx264"), clock)
        url = await media_url(http)
        (packager,) = made.packagers
        # A segment here is 2 s long, and so three of them are waited for.
        assert packager.target_s <= 2
        answer = await http.get(f"{url}&_HLS_msn={packager.window.next_number + 1}")
        assert answer.status_code == 503


@pytest.mark.parametrize(
    ("query", "status"),
    [("&_HLS_msn=99", 400), ("&_HLS_part=1", 400), ("&_HLS_msn=x", 400), ("&_HLS_msn=0", 200), ("&other=1", 200)],
)
async def test_what_cannot_be_waited_for(query: str, status: int) -> None:
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), again(encoded("libx264", "aac"), 4))
        url = await media_url(http)
        assert (await http.get(url + query)).status_code == status


async def test_a_stream_that_nobody_publishes_is_waited_for_and_not_found() -> None:
    async with house() as (made, clock), client(made) as http:
        asking = asyncio.ensure_future(http.get(FIRST))
        await until(lambda: made.service.waiting == 1)
        clock.advance(6)
        assert (await asking).status_code == 404
        assert len(made.sessions) == 0


async def test_a_publisher_that_comes_while_somebody_waits_is_seen() -> None:
    async with house() as (made, _), client(made) as http:
        asking = asyncio.ensure_future(http.get(FIRST))
        await until(lambda: made.service.waiting == 1)
        await send(made.publish(), encoded("libx264", "aac"))
        assert (await asking).status_code == 200


@pytest.mark.parametrize("url", [FIRST + "?session=0123", "http://host/.m3u8", "http://host/a//b.m3u8"])
async def test_what_is_not_there(url: str) -> None:
    async with house() as (made, _), client(made) as http:
        assert (await http.get(url)).status_code in (403, 404)
        assert len(made.packagers) == 0


async def test_tokens_are_asked_for_before_anything_else_and_once() -> None:
    secret = "s" * 32
    access = AccessSettings(play_secret=SecretStr(secret))
    async with house(access=access) as (made, _), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        assert (await http.get(FIRST)).status_code == 401
        assert (await http.get(f"{FIRST}?token=wrong")).status_code == 403
        assert len(made.packagers) == 0
        token = make_token(secret.encode(), Action.PLAY, PATH, int(UNIX_S) + 60)
        first = f"{FIRST}?token={token}"
        answer = await http.get(first)
        assert answer.status_code == 200
        assert (await http.get(addresses(first, answer.text)[0])).status_code == 200


async def test_who_is_kicked_gets_nothing_more() -> None:
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        url = await media_url(http)
        pieces = addresses(url, (await http.get(url)).text)
        (session,) = made.sessions
        session.kick()
        assert (await http.get(url)).status_code == 403
        assert (await http.get(pieces[0])).status_code == 403
        assert len(made.viewers) == 0


async def test_a_session_is_good_for_its_stream_only() -> None:
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        await send(made.publish("live/secret"), encoded("libx264", "aac"))
        url = await media_url(http)
        assert (await http.get(url.replace("camera", "secret"))).status_code == 403


async def test_viewers_that_do_not_ask_any_more_are_gone_and_then_nothing_is_cut() -> None:
    async with house() as (made, clock), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        url = await media_url(http)
        for _ in range(10):
            clock.advance(20)
            assert (await http.get(url)).status_code == 200
        clock.advance(60)
        assert (len(made.sessions), len(made.viewers)) == (0, 0)
        assert made.events[-1].kind is EventKind.STOP
        clock.advance(60)
        assert len(made.packagers) == 0
        assert (await http.get(url)).status_code == 403
        assert (await http.get(FIRST)).status_code == 200


async def test_viewers_keep_their_sessions_when_we_stood_still() -> None:
    async with house() as (made, clock), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        url = await media_url(http)
        clock.advance(8)
        clock.stand_still(60)
        clock.advance(5)
        assert (await http.get(url)).status_code == 200
        clock.stand_still(60)
        clock.advance(60)
        assert (len(made.sessions), len(made.viewers)) == (0, 0)
        assert (await http.get(url)).status_code == 403


async def test_the_end_of_a_stream_is_told_and_a_new_stream_is_a_new_beginning() -> None:
    async with house() as (made, clock), client(made) as http:
        publication = made.publish()
        await send(publication, encoded("libx264", "aac"))
        url = await media_url(http)
        publication.close()
        clock.advance(12)
        await until(lambda: all(packager.is_over for packager in made.packagers))
        assert (await http.get(url)).text.endswith("#EXT-X-ENDLIST\n")
        await send(made.publish(), encoded("libx264", "aac"))
        other = await media_url(http)
        text = (await http.get(other)).text
        assert "ENDLIST" not in text
        old_piece = addresses(url, (await http.get(url)).text)[0]
        assert (await http.get(old_piece)).status_code == 200


async def test_players_go_on_when_a_publisher_comes_back_within_its_grace() -> None:
    async with house() as (made, clock), client(made) as http:
        publication = made.publish()
        await send(publication, encoded("libx264", "aac"))
        url = await media_url(http)
        publication.close()
        clock.advance(5)
        await send(made.publish(), encoded("libx265", "aac"))
        text = (await http.get(url)).text
        assert "#EXT-X-DISCONTINUITY\n" in text
        assert "i2.mp4" in text


async def test_a_limit_of_viewers_is_kept_and_told() -> None:
    async with house(sessions=SessionsSettings(max_players_per_address=1)) as (made, _), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        assert (await http.get(FIRST)).status_code == 200
        assert (await http.get(FIRST)).status_code == 503
        assert made.service.refused == 1


async def test_a_limit_of_streams_is_kept() -> None:
    async with house(HlsSettings(max_streams=1)) as (made, _), client(made) as http:
        await send(made.publish(), encoded("libx264", "aac"))
        await media_url(http)
        await send(made.publish("live/other"), encoded("libx264", "aac"))
        assert (await http.get("http://host/live/other.m3u8")).status_code == 503


async def test_streams_that_take_much_memory_leave_none_for_another() -> None:
    async with house(HlsSettings(max_total_bytes=1_000_000)) as (made, _), client(made) as http:
        publication = made.publish()
        await send(publication, encoded("libx264", "aac"))
        await media_url(http)
        (packager,) = made.packagers
        key = next(packet for packet in encoded("libx264") if packet.is_key)
        for number in range(20):
            heavy = Packet(key.track, key.codec, 2_000 + 1_000 * number, key.payload + bytes(100_000), is_key=True)
            await send(publication, [heavy])
        assert packager.size_bytes > 1_000_000
        await send(made.publish("live/other"), encoded("libx264", "aac"))
        assert (await http.get("http://host/live/other.m3u8")).status_code == 503


async def test_who_asks_for_many_streams_that_are_not_there_does_not_keep_others_out() -> None:
    few = HlsSettings(max_streams=1, max_waiting_per_address=3)
    async with house(few) as (made, clock), client(made) as http:
        asking = [asyncio.ensure_future(http.get(f"http://host/no/{number}.m3u8")) for number in range(5)]
        await until(lambda: made.service.waiting == 3)
        await until(lambda: sum(task.done() for task in asking) == 2)
        assert {task.result().status_code for task in asking if task.done()} == {503}
        assert len(made.packagers) == 0
        clock.advance(6)
        assert {(await task).status_code for task in asking} == {404, 503}
        await send(made.publish(), encoded("libx264", "aac"))
        assert (await http.get(FIRST)).status_code == 200


async def test_one_viewer_and_all_together_may_wait_for_so_much() -> None:
    async with house(HlsSettings(max_waiting=MAX_ASKING)) as (made, _), client(made) as http:
        await send(made.publish(), again(encoded("libx264", "aac"), 2))
        url = await media_url(http)
        (packager,) = made.packagers
        next_url = f"{url}&_HLS_msn={packager.window.next_number}"
        asking = [asyncio.ensure_future(http.get(next_url)) for _ in range(MAX_ASKING)]
        await until(lambda: packager.waiting == MAX_ASKING)
        assert (await http.get(url)).status_code == 429
        assert (await http.get(FIRST)).status_code == 503
        assert made.service.refused == 1
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)


async def test_browsers_may_ask_first() -> None:
    async with house() as (made, _), client(made) as http:
        answer = await http.options(FIRST)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        await send(made.publish(), encoded("libx264", "aac"))
        head = await http.head(FIRST)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("application/vnd.apple.mpegurl")
        assert (await http.post(FIRST)).status_code == 405


RUN_OR_NOT = st.sampled_from(["RUN", "0123456789abcdef", "RUN0", ""])
NUMBERS = st.sampled_from(["0", "1", "2", "99", "999999999999", "9999999999999", "-1", "x", ""])
PIECES = st.builds(
    "{}-{}{}{}".format,
    RUN_OR_NOT,
    st.sampled_from("isp"),
    NUMBERS,
    st.sampled_from([".mp4", ".m4s", "-0.m4s", "-9.m4s", "-.m4s"]),
)
PATHS = st.one_of(
    st.just(f"{PATH}.m3u8"),
    st.builds(f"{PATH}.{{}}".format, PIECES),
    st.builds("other.{}".format, PIECES),
    st.text(max_size=30),
)
QUERIES = st.dictionaries(
    st.sampled_from(["session", "_HLS_msn", "_HLS_part", "token", "x"]),
    st.one_of(NUMBERS, st.just("SESSION")),
    max_size=4,
)


async def as_it_is(work: Coroutine[Any, Any, T], /) -> T:
    """Waits for a client that does not go."""
    return await work


async def test_no_request_does_more_than_be_answered() -> None:
    async with house() as (made, _), client(made) as http:
        await send(made.publish(), again(encoded("libx264", "aac"), 6))
        session = (await media_url(http)).partition("session=")[2]
        (packager,) = made.packagers
        assert packager.window.next_number > 4  # what is waited for is none of the numbers above

        async def ask(path: str, query: dict[str, str]) -> None:
            path = path.replace("RUN", packager.run)
            query = {name: value.replace("SESSION", session) for name, value in query.items()}
            answer = await asyncio.wait_for(made.service.answer(Asked(path, query, "192.0.2.1", as_it_is)), 60)
            assert answer.status in (200, 400, 403, 404)

        requests = given(PATHS.filter(lambda path: path == f"{PATH}.m3u8" or not path.endswith(".m3u8")), QUERIES)
        loop = asyncio.get_running_loop()

        @settings(max_examples=300, deadline=None)
        @requests
        def every(path: str, query: dict[str, str]) -> None:
            asyncio.run_coroutine_threadsafe(ask(path, query), loop).result(60)

        await asyncio.to_thread(every)
        assert made.service.waiting == 0
        assert (await http.get(FIRST)).status_code == 200


async def test_who_waits_for_the_first_segment_is_a_player_already() -> None:
    """Else what is begun on demand would end, for want of players, before it has sent enough."""
    async with house() as (made, clock), client(made) as http:
        asking = asyncio.ensure_future(http.get(FIRST))
        await until(lambda: made.service.waiting == 1)
        (session,) = made.sessions.of(PATH)
        assert session.role is Role.PLAYER
        await send(made.publish(), encoded("libx264", "aac"), clock)
        assert (await asking).status_code == 200
        assert made.sessions.of(PATH) == [session]
        asking = asyncio.ensure_future(http.get("http://host/live/other.m3u8"))
        await until(lambda: made.service.waiting == 1)
        clock.advance(6)
        assert (await asking).status_code == 404
        assert len(made.sessions) == 1


async def test_who_is_kicked_while_it_waits_is_told() -> None:
    async with house() as (made, clock), client(made) as http:
        asking = asyncio.ensure_future(http.get(FIRST))
        await until(lambda: made.service.waiting == 1)
        (session,) = made.sessions.of(PATH)
        session.kick()
        await send(made.publish(), encoded("libx264", "aac"), clock)
        assert (await asking).status_code == 403
        assert len(made.sessions) == len(made.viewers) == 0
