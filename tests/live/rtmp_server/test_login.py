"""User and password: programs that publish and play log in by a challenge, and who is nobody's user does not get in."""

from __future__ import annotations

import ctypes
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from pydantic import SecretStr

from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.access.wrong_passwords import TOO_MANY_WRONG
from miso.live.engine.settings import LiveSettings
from miso.live.relay.relay import RelayState
from miso.live.rtmp.status import Code
from miso.live.sessions.session import Role
from tests.live.media import encoder
from tests.live.relay.peers import relaying, the_relay
from tests.live.rtmp_server.librtmp_peer import LIBRARY
from tests.live.rtmp_server.programs import AAC, H264, PICTURE, SOUND, ffmpeg, needs, run, running
from tests.live.rtmp_server.serving import Serving, serve, until

USER, PASSWORD = "anna", "pass+word&=*"
SECRET = "a secret of this test"


def with_users(**more: Any) -> LiveSettings:
    return LiveSettings(access=AccessSettings(users={USER: SecretStr(PASSWORD)}, **more))


def url(serving: Serving, password: str = PASSWORD, path: str = "live/name") -> str:
    return serving.url(path).replace("//", f"//{USER}:{password}@")


def has_librtmp() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


@needs("ffmpeg")
async def test_ffmpeg_publishes() -> None:
    async with serve(settings=with_users()) as serving:
        async with running(*ffmpeg(url(serving, path="live/name?a=b"), *PICTURE, *SOUND, *H264, *AAC)):
            await until(lambda: serving.packets("live/name") > 50)
        assert serving.server.context.failed_logins == 0


@needs("ffmpeg")
async def test_ffmpeg_is_told_that_its_password_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    async with serve(settings=with_users()) as serving:
        code, out = await run(*ffmpeg(url(serving, "another"), *PICTURE, *H264, "-t", "9"))
        assert code != 0
        assert "Incorrect username/password" in out
        assert f"address=127.0.0.1 user='{USER}'" in caplog.text
        assert "miso_live_rtmp_failed_logins_total 1.0" in generate_latest(serving.live.metrics).decode()
        code, out = await run(*ffmpeg(serving.url("live/name"), *PICTURE, *H264, "-t", "9"))
        assert (code != 0, "No credentials set" in out) == (True, True)
        assert serving.packets("live/name") == 0


@needs("gst-launch-1.0")
async def test_gstreamer_publishes() -> None:
    pipeline = (
        "flvmux name=mux streamable=true ! rtmp2sink location={} username={} password={} "
        "audiotestsrc is-live=true ! voaacenc ! aacparse ! queue ! mux."
    )
    async with serve(settings=with_users()) as serving:
        words = pipeline.split()
        words = [word.format(value) for word, value in zip(words, [""] * len(words), strict=True)]
        words[words.index("location=")] += serving.url("live/name")
        words[words.index("username=")] += USER
        words[words.index("password=")] += PASSWORD
        async with running("gst-launch-1.0", "-q", *words):
            await until(lambda: serving.packets("live/name") > 50)


@pytest.mark.skipif(not has_librtmp(), reason=f"{LIBRARY} is not installed")
async def test_librtmp_publishes(tmp_path: Path) -> None:
    file = tmp_path / "name.flv"
    file.write_bytes(encoder.encode("libx264", "aac", frames=25))
    peer = (sys.executable, "-m", "tests.live.rtmp_server.librtmp_peer")
    async with serve(settings=with_users()) as serving:
        async with running(*peer, serving.url("live/name"), USER, PASSWORD, file):
            await until(lambda: serving.packets("live/name") > 50)
        code, out = await run(*peer, serving.url("live/name"), USER, "another", file)
        assert (code, out.splitlines()[-1]) == (1, "librtmp was refused")


@needs("ffmpeg", "ffprobe")
async def test_players_need_none_unless_they_are_to_be_users() -> None:
    async with (
        serve(settings=with_users()) as serving,
        running(*ffmpeg(url(serving), *PICTURE, *SOUND, *H264, *AAC)),
    ):
        code, out = await run("ffprobe", "-v", "error", serving.url("live/name"))
        assert (code, out) == (0, "")
    async with (
        serve(settings=with_users(players_are_users=True)) as serving,
        running(*ffmpeg(url(serving), *PICTURE, *SOUND, *H264, *AAC)),
    ):
        await until(lambda: serving.packets("live/name") > 5)
        code, out = await run("ffprobe", "-v", "error", serving.url("live/name"))
        assert code != 0
        code, out = await run("ffprobe", "-v", "error", url(serving))
        assert (code, out) == (0, "")


async def test_a_client_that_hides_that_it_publishes_does_not_get_in() -> None:
    async with serve(settings=with_users()) as serving:
        for members in ({}, {"tcUrl": f"rtmp://{USER}:another@host/live"}, {"app": f"live?user={USER}&pass=no"}):
            peer = await serving.connect(**members)
            code = await peer.publish()
            assert code == (Code.PUBLISH_DENIED if members else Code.PUBLISH_UNAUTHORIZED).value
        assert serving.live.gate.denied == {Action.PUBLISH: 3}


async def test_who_shows_its_password_or_a_token_is_not_asked() -> None:
    async with serve(settings=with_users(publish_secret=SecretStr(SECRET))) as serving:
        token = make_token(SECRET.encode(), Action.PUBLISH, "live/b", 10**12)
        for name, app in (("a", f"live?user={USER}&pass=pass%2Bword%26=*"), ("b", f"live?token={token}")):
            peer = await serving.connect(app, type="nonprivate")
            assert await peer.publish(name) == Code.PUBLISH_START.value
        peer = await serving.connect("live?token=1", type="nonprivate")
        assert await peer.publish("c") == Code.PUBLISH_DENIED.value


async def test_a_relay_logs_in_and_says_why_it_cannot(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    quoted = "pass%2Bword%26%3D%2A"
    async with serve(settings=with_users(players_are_users=True)) as far, serve() as near:
        pull = [{"stream": "live/from", "url": url(far, quoted, "live/a")}]
        push = [{"stream": "live/to", "url": url(far, quoted, "live/b")}]
        async with (
            running(*ffmpeg(url(far, path="live/a"), *PICTURE, *H264)),
            running(*ffmpeg(near.url("live/to"), *PICTURE, *H264)),
            relaying(near.live, pull=pull, push=push, first_pause=0.1) as plugin,
        ):
            await until(lambda: near.packets("live/from") > 5 and far.packets("live/b") > 5)
            assert {relay.state for relay in plugin} == {RelayState.RUNNING}
            roles = {session.role for session in near.live.sessions if session.protocol == "relay"}
            assert roles == {Role.PUBLISHER, Role.PLAYER}
    async with serve(settings=with_users()) as far, serve() as near:
        push = [{"stream": "live/to", "url": url(far, "another", "live/b")}]
        async with (
            running(*ffmpeg(near.url("live/to"), *PICTURE, *H264)),
            relaying(near.live, push=push, first_pause=0.1) as plugin,
        ):
            await until(lambda: "authfailed" in the_relay(plugin).reason)
    assert "another" not in caplog.text
    assert "pass+word" not in caplog.text


@needs("ffmpeg")
async def test_who_guesses_by_rtmp_is_not_listened_to_and_is_told_so() -> None:
    async with serve(settings=with_users(max_wrong_passwords_per_minute=2)) as serving:
        for _ in range(2):
            code, out = await run(*ffmpeg(url(serving, "another"), *PICTURE, *H264, "-t", "9"))
            assert (code != 0, "Incorrect username/password" in out) == (True, True)
        code, out = await run(*ffmpeg(url(serving), *PICTURE, *H264, "-t", "9"))
        assert (code != 0, TOO_MANY_WRONG in out) == (True, True)
        shown = await serving.connect(f"live?user={USER}&pass=pass%2Bword%26=*", type="nonprivate")
        assert await shown.publish() == Code.PUBLISH_DENIED.value
        numbers = generate_latest(serving.live.metrics).decode()
        assert "miso_live_rtmp_failed_logins_total 2.0" in numbers
        assert serving.live.gate.wrong_passwords.refused == 2
