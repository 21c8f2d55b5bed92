"""Posting to a program: how long its answer is waited for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from miso.live.webhooks.poster import NoAnswerError, Poster


class Handler(BaseHTTPRequestHandler):
    """Answers after as many seconds as the path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(self.path[1:]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def poster(url: str, timeout_s: float, at_once: int = 1) -> Poster:
    return Poster(url, None, timeout_s, at_once, time.time)


async def test_an_answer_that_came_while_this_process_stood_still_counts(url: str) -> None:
    program = poster(url + "0.3", 1.0)
    asking = asyncio.create_task(program.post({}))
    await asyncio.sleep(0.1)
    time.sleep(1.5)  # noqa: ASYNC251  nothing is read until the time for the answer is over
    assert (await asking).body == b"{}"
    await program.close()


async def test_no_answer_in_time_is_none_and_its_place_is_free_again(url: str) -> None:
    slow = poster(url + "1", 0.2)
    for _ in range(3):
        with pytest.raises(NoAnswerError, match=r"no answer within 0\.2 s"):
            await slow.post({})
    await slow.close()


async def test_who_waits_for_its_turn_waits_no_longer(url: str) -> None:
    program = poster(url + "3", 5.0)
    answers = await asyncio.gather(*(program.post({}) for _ in range(3)), return_exceptions=True)
    assert [isinstance(answer, NoAnswerError) for answer in answers] == [False, True, True]
    await program.close()


async def test_who_is_not_waited_for_any_more_leaves_its_place(url: str) -> None:
    program = poster(url + "0.2", 5.0)
    asking = asyncio.create_task(program.post({}))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await program.post({})).status == 200
    await program.close()
