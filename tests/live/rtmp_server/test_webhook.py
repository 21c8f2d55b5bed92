"""The access webhook with ffmpeg over RTMP: user and password reach it, and what it says is done."""

from __future__ import annotations

from typing import Any

from miso.live.access.settings import AccessSettings
from miso.live.engine.settings import LiveSettings
from tests.live.rtmp_server.programs import H264, PICTURE, ffmpeg, needs, run, running
from tests.live.rtmp_server.serving import serve, until
from tests.live.webhooks.program import Program, Request, http_answer

pytestmark = needs("ffmpeg")


def asking(program: Program, **more: Any) -> LiveSettings:
    return LiveSettings(access=AccessSettings.model_validate({"webhook": program.url, **more}))


def only_anna(request: Request) -> bytes:
    said = request.content
    if (said["user"], said["password"]) != ("anna", "word"):
        return http_answer(403, '{"allow": false, "reason": "who are you"}')
    return http_answer(200, '{"allow": true, "path": "hidden/b"}')


async def test_a_publisher_is_let_in_under_another_name() -> None:
    async with Program(only_anna) as program, serve(settings=asking(program)) as serving:
        url = serving.url("live/a?user=anna&pass=word&room=7")
        async with running(*ffmpeg(url, *PICTURE, *H264)):
            await until(lambda: serving.packets("hidden/b") > 5)
            assert serving.live.streams.get("live/a") is None
            assert serving.session("hidden/b").path == "hidden/b"
        await serving.live.gate.close()
    (request,) = program.requests
    assert {key: request.content[key] for key in ("action", "path", "protocol", "ip")} == {
        "action": "publish",
        "path": "live/a",
        "protocol": "rtmp",
        "ip": "127.0.0.1",
    }
    assert request.content["query"]["room"] == "7"


async def test_publishers_and_players_are_sent_away() -> None:
    async with Program(only_anna) as program, serve(settings=asking(program)) as serving:
        code, _ = await run(*ffmpeg(serving.url("live/a?user=anna&pass=wrong"), *PICTURE, *H264))
        assert code != 0
        code, _ = await run("ffprobe", "-v", "error", serving.url("live/a"))
        assert code != 0
        assert len(serving.live.streams) == 0
        await serving.live.gate.close()
    assert {request.content["action"] for request in program.requests} == {"publish", "play"}


async def test_nobody_is_let_in_while_the_program_does_not_answer() -> None:
    async with (
        Program(lambda request: None) as program,
        serve(settings=asking(program, webhook_timeout=0.2)) as serving,
    ):
        code, _ = await run(*ffmpeg(serving.url("live/a"), *PICTURE, *H264))
        assert code != 0
        assert len(serving.live.streams) == 0
        await serving.live.gate.close()
