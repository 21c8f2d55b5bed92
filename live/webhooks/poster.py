"""Sends JSON to one address and takes the answer: never more at once, for longer, or of more bytes than said."""

from __future__ import annotations

import asyncio
import importlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from miso.live.errors import LiveError
from miso.live.webhooks.signature import signed_headers, unsigned_headers

if TYPE_CHECKING:
    import aiohttp  # 8 MB: loaded by the first poster, so that only who has a webhook pays for it

MAX_ANSWER_BYTES: Final = 16_384
"""Of an answer's body; one that is longer is none."""
_LONGEST_ERROR: Final = 300
_TURNS: Final = 10  # of one wait for an answer


class NoAnswerError(LiveError):
    """Nothing came back that is an answer; the text says what was amiss."""


class Answer(NamedTuple):
    """What came back.

    Attributes:
        status: HTTP's.
        body: At most ``MAX_ANSWER_BYTES``.
    """

    status: int
    body: bytes


class Poster:
    """Posts to one address. Redirects are not followed, and proxies of the environment are not used.

    Args:
        url: The address.
        key: What bodies are signed with (:mod:`miso.live.webhooks.signature`); None: they are not.
        timeout_s: So long an answer is waited for, from the call on.
        at_once: So many are under way at once; others wait for their turn.
        unix_s: Unix time.
        most_waiting: So many wait for their turn; more are told at once that there is no answer. None: no limit.
    """

    def __init__(
        self,
        url: str,
        key: bytes | None,
        timeout_s: float,
        at_once: int,
        unix_s: Callable[[], float],
        most_waiting: int | None = None,
    ) -> None:
        importlib.import_module("aiohttp")  # takes too long for when somebody waits for an answer
        self._url = url
        self._key = key
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._unix_s = unix_s
        self._most_waiting = most_waiting
        self._turn = asyncio.Semaphore(at_once)
        self._calls = 0
        self._http: aiohttp.ClientSession | None = None

    async def post(self, content: Mapping[str, object], id: str | None = None) -> Answer:
        """Sends, and waits for the answer.

        Args:
            content: What to say; JSON.
            id: Of the message, where it may be sent again; None: a new one.

        Raises:
            NoAnswerError: None came, or none that is of use: a redirect, or too long a one.
        """
        if self._most_waiting is not None and self._calls >= self._at_once + self._most_waiting:
            raise NoAnswerError(f"{self._calls} wait for answers already")
        body = json.dumps(content).encode()
        self._calls += 1
        answer = asyncio.ensure_future(self._post_in_turn(body, id or f"msg_{secrets.token_hex(16)}"))
        try:
            if await self._comes(answer):
                return answer.result()
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        finally:
            answer.cancel()
            self._calls -= 1
        raise NoAnswerError(f"no answer within {self._timeout_s:g} s")

    async def close(self) -> None:
        """Lets go of its connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _comes(self, answer: asyncio.Future[Answer]) -> bool:
        """Waits in turns: however long this process stood still, it is one turn; what came meanwhile is read then."""
        for _ in range(_TURNS):
            done, _ = await asyncio.wait({answer}, timeout=self._timeout_s / _TURNS)
            if done:
                return True
        return False

    async def _post_in_turn(self, body: bytes, id: str) -> Answer:
        async with self._turn:
            return await self._post(body, id)

    async def _post(self, body: bytes, id: str) -> Answer:
        import aiohttp

        try:
            return await self._send(body, id)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(f"{type(error).__name__}: {str(error)[:_LONGEST_ERROR]}") from error

    async def _send(self, body: bytes, id: str) -> Answer:
        import aiohttp

        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._at_once),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small answer may say that it is a large one
                timeout=aiohttp.ClientTimeout(total=None),  # it is ours, and holds for the wait before, too
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "miso"},
            )
        sent_s = int(self._unix_s())
        headers = unsigned_headers(id, sent_s) if self._key is None else signed_headers(self._key, id, sent_s, body)
        async with self._http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
            if 300 <= response.status < 400:
                raise NoAnswerError(f"it answers with a redirect ({response.status}), which is not followed")
            answer = bytearray()
            async for piece in response.content.iter_any():
                answer += piece
                if len(answer) > MAX_ANSWER_BYTES:
                    raise NoAnswerError(f"its answer has more than {MAX_ANSWER_BYTES} bytes")
            return Answer(response.status, bytes(answer))
