"""User and password of addresses over HTTP: they reach the gate, for FLV and for HLS."""

from __future__ import annotations

import base64
import shutil
import time

import httpx
import pytest
from starlette.requests import Request

from miso.live.access.tokens import Action, make_token
from miso.live.errors import ParseError
from miso.live.hls.plugin import HlsPlugin
from miso.live.hls.settings import HlsSettings
from miso.live.web.credentials import NO_CREDENTIALS, Credentials, challenge, credentials_of, read_credentials
from tests.live.flv_server.house import PATH, House, house
from tests.live.flv_server.test_ffmpeg import run
from tests.live.hls.cutting import encoded
from tests.live.webhooks.program import Program, http_answer
from tests.live.webhooks.program import Request as Asked

pytest.importorskip("av", reason="PyAV is missing")


def request(query: str = "", **headers: str) -> Request:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": listed})


def basic(said: str) -> str:
    return "Basic " + base64.b64encode(said.encode()).decode()


@pytest.mark.parametrize(
    ("value", "credentials"),
    [
        (basic("anna:word"), Credentials("anna", "word")),
        (basic("änna:a:b:"), Credentials("änna", "a:b:")),
        (basic(":token"), Credentials("", "token")),
        (basic("anna:word").replace("Basic", "bAsIc "), Credentials("anna", "word")),
        ("Bearer abc", NO_CREDENTIALS),
        ("", NO_CREDENTIALS),
    ],
)
def test_reads_user_and_password(value: str, credentials: Credentials) -> None:
    assert read_credentials(value) == credentials


@pytest.mark.parametrize("value", ["Basic", "Basic YW5uYQ==", "Basic *", "Basic /w==", "Basic YTpi\xe9"])
def test_what_is_none_is_told_without_what_it_says(value: str) -> None:
    with pytest.raises(ParseError) as error:
        read_credentials(value)
    assert "anna" not in str(error.value)


def test_they_may_be_parameters_where_there_is_no_header() -> None:
    assert credentials_of(request("user=anna&pass=word")) == ("anna", "word")
    assert credentials_of(request("user=anna&pass=word", authorization=basic("ada:key"))) == ("ada", "key")
    assert credentials_of(request()) == NO_CREDENTIALS


def test_programs_are_asked_for_a_password_and_pages_do_not_open_a_window_for_one() -> None:
    assert challenge(request()).startswith("Basic ")
    assert challenge(request(sec_fetch_mode="navigate")).startswith("Basic ")
    assert challenge(request(sec_fetch_mode="cors")).startswith("Token ")


def only_anna(asked: Asked) -> bytes:
    is_anna = (asked.content["user"], asked.content["password"]) == ("anna", "word")
    return http_answer(200 if is_anna else 403)


async def status_of(made: House, name: str, *user: str) -> int:
    """Of a GET for a stream's first bytes."""
    async with (
        httpx.AsyncClient(auth=httpx.BasicAuth(*user) if user else None, timeout=60) as http,
        http.stream("GET", f"{made.origin}/{name}") as answer,
    ):
        return answer.status_code


async def test_they_reach_the_webhook() -> None:
    async with Program(only_anna) as program, house(access={"webhook": program.url}) as made:
        hls = HlsPlugin(made.live, HlsSettings())
        await hls.start()
        made.publish(encoded("libx264", "aac"))
        for suffix in ("flv", "m3u8"):
            assert await status_of(made, f"{PATH}.{suffix}", "anna", "word") == 200
            assert await status_of(made, f"{PATH}.{suffix}?user=anna&pass=word") == 200
            assert await status_of(made, f"{PATH}.{suffix}", "anna", "wrong") == 403
        await hls.stop()


@pytest.mark.parametrize("suffix", ["flv", "m3u8"])
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is missing: on Debian, apt-get install ffmpeg")
async def test_ffmpeg_is_asked_and_shows_a_token_as_its_password(suffix: str) -> None:
    async with house(access={"play_secret": "sesame"}) as made:
        hls = HlsPlugin(made.live, HlsSettings())
        await hls.start()
        made.publish(encoded("libx264", "aac"))
        token = make_token(b"sesame", Action.PLAY, PATH, int(time.time()) + 600)
        url = f"{made.origin}/{PATH}.{suffix}"
        answer = await made.ask(f"/{PATH}.{suffix}")
        assert (answer[0].split()[1], answer[1]["www-authenticate"]) == ("401", 'Basic realm="live streams"')
        bad = await made.ask(f"/{PATH}.{suffix}", "Authorization: Basic *")
        assert bad[0].split()[1] == "400"
        out, errors = await run("ffprobe", "-v", "error", "-show_streams", url.replace("://", f"://me:{token}@"))
        assert b"codec_name=h264" in out, errors
        await hls.stop()
