"""The webhook that is asked who may publish and play, against a real HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr, ValidationError

from miso.live.access.asking import Asking
from miso.live.access.gate import Gate
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action
from miso.live.access.webhook import Verdict, read_verdict
from miso.live.errors import DeniedError, ParseError
from miso.live.webhooks.poster import MAX_ANSWER_BYTES, Answer
from miso.live.webhooks.signature import read_secret, signed_headers
from tests.live.webhooks.program import Program, Request, http_answer

ASKING = Asking(Action.PUBLISH, "live/sub/a", "rtmp", "192.0.2.1", {"token": "t", "x": "\udc80é"}, "anna", "pass:word")


def settings(program: Program, **more: object) -> AccessSettings:
    return AccessSettings.model_validate({"webhook": program.url, **more})


async def admitted(answer: Callable[[Request], bytes | None], **more: object) -> str:
    async with Program(answer) as program:
        gate = Gate(settings(program, **more), lambda: 1_000.0)
        try:
            return await gate.admit(ASKING)
        finally:
            await gate.close()


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (http_answer(200), "live/sub/a"),
        (http_answer(204), "live/sub/a"),
        (http_answer(200, '{"allow": true}'), "live/sub/a"),
        (http_answer(200, '{"allow": true, "path": "hidden/b", "more": 1}'), "hidden/b"),
        (http_answer(200, '{"allow": true, "path": null}'), "live/sub/a"),
    ],
)
async def test_lets_in_and_renames(answer: bytes, path: str) -> None:
    assert await admitted(lambda request: answer) == path


@pytest.mark.parametrize(
    ("answer", "reason", "unauthorized"),
    [
        (http_answer(200, '{"allow": false, "reason": "not\\u0000 today"}'), "not today", False),
        (http_answer(200, '{"allow": false, "path": "live/b"}'), "not allowed", False),
        (http_answer(403), "not allowed", False),
        (http_answer(401, '{"allow": true, "reason": "who?"}'), "who?", True),
        (http_answer(403, "<html>"), "not allowed", False),
    ],
)
@pytest.mark.parametrize("no_answer", ["deny", "allow"])
async def test_denies(answer: bytes, reason: str, unauthorized: bool, no_answer: str) -> None:
    with pytest.raises(DeniedError, match=reason) as raised:
        await admitted(lambda request: answer, webhook_no_answer=no_answer)
    assert raised.value.unauthorized is unauthorized


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(500),
        http_answer(404),
        http_answer(200, '{"alow": true}'),
        http_answer(200, '{"allow": 1}'),
        http_answer(200, '{"allow": true, "path": "../b"}'),
        http_answer(200, '{"allow": true, "path": ""}'),
        http_answer(200, "null"),
        http_answer(200, b"\xff"),
        http_answer(200, "[" * 10_000),
        http_answer(200, b" " * (MAX_ANSWER_BYTES + 1)),
        http_answer(200, b"\x1f\x8b", "Content-Encoding: gzip"),
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 x\r\nContent-Length: 9\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 200 x\r\nA: " + bytes(100_000).replace(b"\0", b"a"),
    ],
)
async def test_what_is_no_answer_denies_unless_set_otherwise(answer: bytes) -> None:
    with pytest.raises(DeniedError, match="cannot be found out"):
        await admitted(lambda request: answer)
    assert await admitted(lambda request: answer, webhook_no_answer="allow") == "live/sub/a"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    def answer(request: Request) -> bytes:
        return http_answer(200) if request.path == "/there" else http_answer(status, b"", "Location: /there")

    with pytest.raises(DeniedError, match="cannot be found out"):
        await admitted(answer)


async def test_who_does_not_answer_in_time_gives_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(DeniedError, match="cannot be found out"):
        await admitted(lambda request: None, webhook_timeout=0.05)
    assert "no answer within 0.05 s" in caplog.text  # the operator is told what the client is not


async def test_nobody_there_is_no_answer() -> None:
    gate = Gate(AccessSettings.model_validate({"webhook": "http://127.0.0.1:9/"}), lambda: 1_000.0)
    with pytest.raises(DeniedError, match="cannot be found out"):
        await gate.admit(ASKING)
    assert gate.webhook is not None
    assert (gate.webhook.unanswered, gate.denied[Action.PUBLISH]) == (1, 1)
    await gate.close()


async def test_is_told_all_that_was_shown_and_can_trust_it() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        gate = Gate(settings(program, webhook_secret=SecretStr("whsec_aGVsbG8=")), lambda: 1_000.0)
        await gate.admit(ASKING)
        await gate.close()
    (request,) = program.requests
    assert request.content == {
        "action": "publish",
        "path": "live/sub/a",
        "app": "live/sub",
        "name": "a",
        "protocol": "rtmp",
        "ip": "192.0.2.1",
        "query": {"token": "t", "x": "\udc80é"},
        "user": "anna",
        "password": "pass:word",
        "authenticated": False,
    }
    id = request.headers["webhook-id"]
    expected = signed_headers(read_secret("whsec_aGVsbG8="), id, 1_000, request.body)
    assert expected.items() <= request.headers.items()


async def test_asks_about_many_at_once_but_not_all() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        program.held.clear()
        gate = Gate(settings(program, webhook_timeout=8, webhook_max_waiting_per_address=0), lambda: 1_000.0)
        asked = [asyncio.create_task(gate.admit(ASKING)) for _ in range(1_100)]
        await program.told(32)
        program.held.set()
        results = await asyncio.gather(*asked, return_exceptions=True)
        await gate.close()
    assert program.most_under_way == 32
    assert sum(result == "live/sub/a" for result in results) == 1_032  # 32 under way and 1,000 that wait
    assert sum(isinstance(result, DeniedError) for result in results) == 68


async def test_one_address_keeps_nobody_else_from_being_asked_about() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        program.held.clear()
        gate = Gate(settings(program, webhook_timeout=8, webhook_no_answer="allow"), lambda: 1_000.0)
        flood = [asyncio.create_task(gate.admit(ASKING)) for _ in range(1_100)]
        await program.told(32)
        other = asyncio.create_task(gate.admit(replace(ASKING, address="192.0.2.2")))
        program.held.set()
        assert await other == "live/sub/a"
        results = await asyncio.gather(*flood, return_exceptions=True)
        assert sum(isinstance(result, DeniedError) for result in results) == 900
        assert gate.webhook is not None
        assert (gate.webhook.crowded, gate.webhook.unanswered, gate.denied[Action.PUBLISH]) == (900, 0, 900)
        assert await gate.admit(ASKING) == "live/sub/a"  # its places have come back
        await gate.close()


async def test_a_slow_webhook_gets_each_question_in_time_or_not_at_all() -> None:
    """Nobody waits longer than the timeout, whoever waits before."""
    async with Program(lambda request: http_answer(200)) as program:
        program.held.clear()  # answers nobody
        more = {"webhook_timeout": 0.3, "webhook_at_once": 2, "webhook_max_waiting": 50}
        gate = Gate(settings(program, webhook_max_waiting_per_address=0, **more), lambda: 1_000.0)
        results = await asyncio.wait_for(
            asyncio.gather(*(gate.admit(ASKING) for _ in range(100)), return_exceptions=True), 60
        )
        assert all(isinstance(result, DeniedError) for result in results)
        assert program.most_under_way <= 2
        assert gate.webhook is not None
        assert gate.webhook.unanswered == 100
        await gate.close()


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 x\r\n", b"HTTP/1.1 200 x\r\nContent-Length: 9999\r\n\r\n"])
async def test_who_answers_byte_by_byte_has_no_more_time(begin: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for byte in itertools.chain(begin, itertools.cycle(b"A: b\r\n")):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.01)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    gate = Gate(AccessSettings.model_validate({"webhook": url, "webhook_timeout": 0.5}), lambda: 1_000.0)
    with pytest.raises(DeniedError, match="cannot be found out"):
        await asyncio.wait_for(gate.admit(ASKING), 60)
    await gate.close()
    server.close()


async def test_a_token_is_asked_for_first() -> None:
    async with Program(lambda request: http_answer(200)) as program:
        gate = Gate(settings(program, publish_secret=SecretStr("s")), lambda: 1_000.0)
        with pytest.raises(DeniedError, match="token"):
            await gate.admit(ASKING)
        await gate.close()
    assert program.requests == []


def test_reads_an_answer_without_regard_to_space() -> None:
    assert read_verdict(Answer(200, b"\r\n")) == Verdict(True)
    with pytest.raises(ParseError, match="502"):
        read_verdict(Answer(502, b""))


@pytest.mark.parametrize(
    "section",
    [{"webhook": "ftp://a/"}, {"webhook": "nonsense"}, {"webhook_secret": "whsec_!"}, {"webhook_timeout": 0}],
)
def test_settings_that_are_of_no_use_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AccessSettings.model_validate(section)
