"""What stands around every answer of the ports: who is turned away at once, and what browsers are told to allow."""

from __future__ import annotations

import logging
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from miso.demo.http.origins import Origins
from miso.demo.metrics import Metrics
from miso.protoo.asgi import deny
from miso.protoo.handshake import Rejection
from miso.protoo.tally import Tally

_FORBIDDEN = 403

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), speaker-selection=(self), "
        "autoplay=(self), clipboard-write=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=(), "
        "midi=(), serial=(), hid=()"
    ),
    "Referrer-Policy": "same-origin",  # rooms' names stand in the address; our own page looks where it came from
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers without frame-ancestors
}
"""On every answer, unless it says otherwise itself."""


class WebSecurity:
    """The application with these rules around it."""

    def __init__(self, app: ASGIApp, origins: Origins, metrics: Metrics) -> None:
        self._app = app
        self._origins = origins
        self._refused = Tally(logging.getLogger(__name__), "turned away")
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

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
