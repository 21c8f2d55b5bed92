"""What every answer tells browsers to allow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

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


def with_security_headers(send: Send, connects_to: Iterable[str] = ()) -> Send:
    """Adds them to an answer that goes out by ``send``.

    Args:
        send: Where it goes.
        connects_to: Origins that a page may open WebSockets to, besides its own.
    """
    policy = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", " ".join(["connect-src 'self'", *connects_to]))

    async def send_secured(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in {**SECURITY_HEADERS, "Content-Security-Policy": policy}.items():
                headers.setdefault(name, value)
        await send(message)

    return send_secured
