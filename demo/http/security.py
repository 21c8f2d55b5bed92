"""What stands around every answer of the ports: who is turned away at once, and what browsers are told to allow."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from miso.demo.http.origins import Origins
from miso.demo.metrics import Metrics
from miso.protoo.asgi import deny
from miso.protoo.handshake import Rejection
from miso.protoo.log_rate_limit import LogRateLimit
from miso.serving.security_headers import with_security_headers

_FORBIDDEN = 403


class WebSecurity:
    """The application with these rules around it."""

    def __init__(self, app: ASGIApp, origins: Origins, metrics: Metrics) -> None:
        self._app = app
        self._origins = origins
        self._refused = LogRateLimit(logging.getLogger(__name__), "turned away")
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        send_secured = with_security_headers(send, self._origins.reachable)
        headers = dict(Headers(scope=scope).items())
        reason = self._origins.refusal(headers, scope.get("method"))
        if reason is None:
            await self._app(scope, receive, send_secured)
            return
        self._metrics.refusals.labels("origin").inc()
        self._refused.count(f"remote={(scope['client'] or ('',))[0]}: {reason}")
        if scope["type"] == "http":
            await PlainTextResponse(reason, _FORBIDDEN)(scope, receive, send_secured)
        else:
            await deny(WebSocket(scope, receive, send_secured), Rejection(_FORBIDDEN, reason))
