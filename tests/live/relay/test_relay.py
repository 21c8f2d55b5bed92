"""Streams go to other servers and come from them: our own, nginx, ffmpeg; over TLS, through failures, in circles."""

from __future__ import annotations

import json
from pathlib import Path

import prometheus_client
import pytest

from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.relay.relay import RelayState
from miso.live.rtmp_server.settings import RtmpSettings
from miso.live.sessions.session import EndReason, Role
from miso.live.streams.settings import StreamsSettings
from miso.live.streams.stream import State
from miso.serving.certificate_files import self_made
from tests.live.relay.peers import needs_nginx, nginx, relaying, the_relay
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, needs, run, running
from tests.live.rtmp_server.serving import Serving, serve, until
from tests.live.streams.packets import VIDEO, picture, video_config
from tests.ports import free_ports

BOTH = [*PICTURE, *SOUND, *H264, *AAC]
SHORT_GRACE = StreamsSettings(grace=0.5)


def tracks_of(serving: Serving, path: str) -> dict[TrackId, Codec | None]:
    stream = serving.live.streams.get(path)
    if stream is None or stream.state is not State.PUBLISHING:
        return {}
    return {id: track.codec for id, track in stream.tracks.items() if id.kind is not Kind.DATA and track.packets > 25}


BOTH_TRACKS = {TrackId(Kind.VIDEO): Codec.H264, TrackId(Kind.AUDIO): Codec.AAC}


@needs("ffmpeg")
async def test_pushes_a_stream_to_another_server_while_it_is_published() -> None:
    async with serve() as near, serve(streams=SHORT_GRACE) as far:
        push = [{"stream": "live/a", "url": far.url("live/b")}]
        async with relaying(near.live, push=push) as plugin:
            relay = the_relay(plugin)
            await until(lambda: relay.state is RelayState.WAITING and relay.reason == "live/a is not published")
            async with running(*ffmpeg(near.url("live/a"), *BOTH)):
                await until(lambda: tracks_of(far, "live/b") == BOTH_TRACKS)
                assert relay.state is RelayState.RUNNING
                sessions = {session.role: session for session in near.live.sessions.of("live/a")}
                assert sessions[Role.PLAYER].protocol == "relay"
                assert sessions[Role.PLAYER].counts().bytes_out > 1000
                assert far.session("live/b").via == (near.live.id,)
                near_track, far_track = (
                    serving.live.streams.get_or_create(path).tracks[TrackId(Kind.VIDEO)]
                    for serving, path in ((near, "live/a"), (far, "live/b"))
                )
                assert near_track.config is not None
                assert far_track.config is not None
                assert far_track.config.payload == near_track.config.payload
                numbers = prometheus_client.generate_latest(near.live.metrics).decode()
                assert 'miso_live_relays{direction="push",state="running"} 1.0' in numbers
            near.live.streams.get_or_create("live/a").close()
            await until(lambda: far.live.streams.get("live/b") is None)
            await until(lambda: relay.state is RelayState.WAITING)


async def test_a_server_that_comes_back_is_found_again() -> None:
    port = free_ports()
    async with serve() as near:
        publication = near.live.streams.publish("live/a", lambda: None)
        publication.write(video_config())
        publication.write(picture(0, key=True))
        async with relaying(near.live, push=[{"stream": "live/a", "url": f"rtmp://127.0.0.1:{port}/live/b"}]) as plugin:
            relay = the_relay(plugin)
            await until(lambda: relay.state is RelayState.FAILED and relay.failures > 2)
            for _ in range(2):
                async with serve(RtmpSettings(), port=port) as far:
                    await until(lambda: relay.state is RelayState.RUNNING)
                    await until(lambda: far.packets("live/b") > 0)
                await until(lambda: relay.state is RelayState.FAILED)


async def test_nothing_goes_in_circles() -> None:
    async with serve() as one, serve() as other:
        publication = one.live.streams.publish("live/a", lambda: None)
        publication.write(video_config())
        publication.write(picture(0, key=True))
        async with (
            relaying(one.live, push=[{"stream": "live/a", "url": one.url("live/self")}]) as to_itself,
            relaying(one.live, push=[{"stream": "live/a", "url": other.url("live/a")}]) as there,
            relaying(other.live, push=[{"stream": "live/a", "url": one.url("live/back")}]) as back,
        ):
            await until(lambda: the_relay(there).state is RelayState.RUNNING)
            for plugin in (to_itself, back):
                await until(lambda plugin=plugin: "circle" in the_relay(plugin).reason)  # type: ignore[misc]
            assert one.live.streams.get("live/self") is None
            assert one.live.streams.get("live/back") is None


@needs("ffmpeg", "ffprobe")
async def test_who_plays_from_an_edge_sees_what_the_origin_has() -> None:
    async with (
        serve() as origin,
        serve() as edge,
        relaying(edge.live, origins=[{"url": origin.url("main")}], idle=1) as plugin,
        running(*ffmpeg(origin.url("main/live/a"), *BOTH)),
    ):
        await until(lambda: tracks_of(origin, "main/live/a") == BOTH_TRACKS)
        code, said = await run("ffprobe", "-v", "error", "-show_streams", "-of", "json", edge.url("live/a"))
        assert code == 0, said
        assert {stream["codec_name"] for stream in json.loads(said)["streams"]} == {"h264", "aac"}
        await until(lambda: list(plugin) == [] and origin.live.sessions.count(Role.PLAYER) == 0)


async def test_two_servers_that_ask_each_other_give_up() -> None:
    """Nobody publishes what the player wants: each is the other's origin."""
    short = StreamsSettings(wait=1)
    async with (
        serve(streams=short) as one,
        serve(streams=short) as other,
        relaying(one.live, origins=[{"url": other.url("live"), "prefix": "live"}], idle=1) as at_one,
        relaying(other.live, origins=[{"url": one.url("live"), "prefix": "live"}], idle=1) as at_other,
    ):
        player = await one.connect()
        player.say("play", 3, None, "a", -2000, stream_id=1)
        assert await player.code() == "NetStream.Play.StreamNotFound"
        await until(lambda: list(at_one) == list(at_other) == [])
        assert (at_one.failures, at_other.failures) == (1, 1)
        assert len(one.live.streams) == len(other.live.streams) == 0


@needs("ffmpeg", "nginx")
@needs_nginx
async def test_nginx_takes_and_gives(tmp_path: Path) -> None:
    async with nginx(tmp_path) as port, serve() as near, serve(streams=SHORT_GRACE) as far:
        url = f"rtmp://127.0.0.1:{port}/live/x"
        async with (
            relaying(near.live, push=[{"stream": "live/a", "url": url}]) as push,
            relaying(far.live, pull=[{"stream": "live/c", "url": url}]) as pull,
        ):
            async with running(*ffmpeg(near.url("live/a"), *BOTH)):
                await until(lambda: tracks_of(far, "live/c") == BOTH_TRACKS)
                assert the_relay(push).state is the_relay(pull).state is RelayState.RUNNING
                assert far.session("live/c").role is Role.PUBLISHER
            near.live.streams.get_or_create("live/a").close()
            await until(lambda: far.live.streams.get("live/c") is None)  # nginx says that its publisher is gone
            async with running(*ffmpeg(near.url("live/a"), *BOTH)):
                await until(lambda: tracks_of(far, "live/c") == BOTH_TRACKS)


@needs("ffmpeg", "ffprobe")
async def test_ffmpeg_takes_a_push(tmp_path: Path) -> None:
    port = free_ports()
    url = f"rtmp://127.0.0.1:{port}/live/x"
    file = tmp_path / "out.flv"
    async with (
        serve() as near,
        running(*ffmpeg(near.url("live/a"), *BOTH)),
        relaying(near.live, push=[{"stream": "live/a", "url": url}]),
    ):
        code, said = await run(
            *("ffmpeg", "-v", "error", "-nostdin", "-listen", "1", "-i", url, "-t", "2", "-c", "copy", file)
        )
        assert code == 0, said
    code, said = await run("ffprobe", "-v", "error", "-show_streams", "-of", "json", file)
    assert {stream["codec_name"] for stream in json.loads(said)["streams"]} == {"h264", "aac"}


@needs("ffmpeg", "nginx")
@needs_nginx
async def test_a_player_brings_a_stream_of_the_origin_here_and_takes_it_with_it(tmp_path: Path) -> None:
    origins = [{"prefix": "edge", "url": "rtmp://127.0.0.1:{}/live"}]
    async with nginx(tmp_path) as port, serve(streams=StreamsSettings(grace=0, wait=60)) as edge:
        origins[0]["url"] = origins[0]["url"].format(port)
        async with (
            running(*ffmpeg(f"rtmp://127.0.0.1:{port}/live/x", *BOTH)),
            relaying(edge.live, origins=origins, idle=1) as plugin,
        ):
            session = edge.live.sessions.open("test", "127.0.0.1", Role.PLAYER, "edge/x", lambda: None)
            edge.live.streams.want("other/x").close()
            assert list(plugin) == []
            stream = edge.live.streams.want("edge/x")
            assert the_relay(plugin).route.path == "edge/x"
            assert edge.live.streams.want("edge/x") is stream
            assert len(list(plugin)) == 1
            await stream.wait_for_tracks()
            await until(lambda: tracks_of(edge, "edge/x") == BOTH_TRACKS)
            session.end(EndReason.DONE)
            await until(lambda: list(plugin) == [])
            await until(lambda: stream.closed)


async def test_no_more_streams_are_fetched_than_allowed() -> None:
    origins = [{"url": f"rtmp://127.0.0.1:{free_ports()}/live"}]
    async with serve() as edge, relaying(edge.live, origins=origins, max_relays=2) as plugin:
        for name in range(5):
            edge.live.streams.want(f"live/{name}")
        assert len(list(plugin)) == 2
        assert plugin.refused == 3


async def test_a_dead_origin_is_not_asked_again_for_each_player() -> None:
    origins = [{"url": f"rtmp://127.0.0.1:{free_ports()}/live"}]
    async with (
        serve() as edge,
        relaying(edge.live, origins=origins, first_pause=60, longest_pause=60) as plugin,
    ):
        edge.live.streams.want("live/a")
        assert len(list(plugin)) == 1
        await until(lambda: list(plugin) == [])
        assert plugin.failures == 1
        edge.live.streams.want("live/a")
        assert list(plugin) == []
        edge.live.streams.want("live/b")
        assert len(list(plugin)) == 1


async def test_who_publishes_here_is_not_disturbed_by_a_pull() -> None:
    async with serve() as near:
        publication = near.live.streams.publish("live/a", lambda: None)
        async with relaying(
            near.live, pull=[{"stream": "live/a", "url": f"rtmp://127.0.0.1:{free_ports()}/live/a"}]
        ) as plugin:
            relay = the_relay(plugin)
            await until(lambda: relay.state is RelayState.WAITING and "is being published" in relay.reason)
            publication.write(picture(0, key=True))
            publication.close()
            await until(lambda: relay.state is RelayState.FAILED)
            assert VIDEO in near.live.streams.get_or_create("live/a").tracks


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_rtmps_servers_are_verified(tmp_path: Path, *, is_trusted: bool) -> None:
    certificate = self_made(tmp_path / "far", ["127.0.0.1"])
    settings = RtmpSettings(tls_certificate=certificate.chain, tls_key=certificate.key)
    async with serve() as near, serve(settings) as far:
        publication = near.live.streams.publish("live/a", lambda: None)
        publication.write(picture(0, key=True))
        url = f"rtmps://127.0.0.1:{far.server.rtmps_port}/live/b"
        trust = {"tls_ca": certificate.chain} if is_trusted else {}
        async with relaying(near.live, push=[{"stream": "live/a", "url": url}], **trust) as plugin:
            relay = the_relay(plugin)
            if is_trusted:
                await until(lambda: relay.state is RelayState.RUNNING)
                assert far.session("live/b").protocol == "rtmps"
            else:
                await until(lambda: relay.state is RelayState.FAILED)
                assert "certificate verify failed" in relay.reason


async def test_a_kicked_relay_comes_back_after_a_pause() -> None:
    async with serve() as near, serve() as far:
        publication = near.live.streams.publish("live/a", lambda: None)
        publication.write(picture(0, key=True))
        async with relaying(near.live, push=[{"stream": "live/a", "url": far.url("live/b")}]) as plugin:
            relay = the_relay(plugin)
            await until(lambda: relay.state is RelayState.RUNNING)
            near.session("live/a").kick()
            await until(lambda: relay.failures == 1)
            await until(lambda: relay.state is RelayState.RUNNING)
