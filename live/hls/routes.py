"""HLS over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from miso.live.hls.service import HlsService
from miso.serving.client_address import client_address

_METHODS = ("GET", "HEAD", "OPTIONS")
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": ", ".join(_METHODS),
    "Access-Control-Allow-Headers": "Range",
    "Access-Control-Max-Age": "86400",
}
_NO_CONTENT = 204


def hls_routes(service: HlsService, trusted_proxies: Sequence[str] = ()) -> list[BaseRoute]:
    """Playlists and pieces of all streams.

    Args:
        service: What answers.
        trusted_proxies: Networks of proxies whose ``X-Forwarded-For`` is believed.
    """

    async def respond(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=_NO_CONTENT, headers=_CORS)
        host = request.client.host if request.client is not None else ""
        address = client_address(host, ", ".join(request.headers.getlist("x-forwarded-for")), trusted_proxies)
        # Decoded by the server; the router has taken the ending off its own parameter.
        path = str(request.scope["path"]).removeprefix("/")
        answer = await service.answer(path, request.query_params, address)
        headers = {**_CORS, "Cache-Control": answer.cache_control}
        sent = None
        if answer.viewer is not None and request.method != "HEAD":
            sent = BackgroundTask(answer.viewer.sent, len(answer.body))
        return Response(answer.body, answer.status, headers, answer.content_type, sent)

    suffixes = (".m3u8", ".mp4", ".m4s")
    return [Route(f"/{{path:path}}{suffix}", respond, methods=list(_METHODS)) for suffix in suffixes]
