"""HLS over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from miso.live.errors import ParseError
from miso.live.hls.service import Asked, HlsService
from miso.live.web.credentials import challenge, credentials_of
from miso.live.web.waiting import GoneError, WaitingRequests

T = TypeVar("T")

_METHODS = ("GET", "HEAD", "OPTIONS")
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": ", ".join(_METHODS),
    "Access-Control-Allow-Headers": "Authorization, Range",
    "Access-Control-Max-Age": "86400",
}
_NO_CONTENT, _BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND = 204, 400, 401, 404


def hls_routes(service: HlsService, address_of: Callable[[Request], str]) -> list[BaseRoute]:
    """Playlists and pieces of all streams.

    Args:
        service: What answers.
        address_of: Who a request comes from: an IP address.
    """
    waiting = WaitingRequests()

    async def respond(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=_NO_CONTENT, headers=_CORS)
        # Decoded by the server; the router has taken the ending off its own parameter.
        path = str(request.scope["path"]).removeprefix("/")

        async def waits(work: Coroutine[Any, Any, T]) -> T:
            return await waiting.wait(request, work)

        try:
            credentials = credentials_of(request)
        except ParseError as error:
            return PlainTextResponse(str(error), _BAD_REQUEST, _CORS)
        asked = Asked(path, request.query_params, address_of(request), waits, credentials)
        try:
            answer = await service.answer(asked)
        except GoneError as error:
            return PlainTextResponse(str(error), _NOT_FOUND, _CORS)  # which nobody gets
        headers = {**_CORS, "Cache-Control": answer.cache_control}
        if answer.status == _UNAUTHORIZED:
            headers["WWW-Authenticate"] = challenge(request)
        sent = None
        if answer.viewer is not None and request.method != "HEAD":
            sent = BackgroundTask(answer.viewer.sent, len(answer.body))
        return Response(answer.body, answer.status, headers, answer.content_type, sent)

    suffixes = (".m3u8", ".mp4", ".m4s")
    return [Route(f"/{{path:path}}{suffix}", respond, methods=list(_METHODS)) for suffix in suffixes]
