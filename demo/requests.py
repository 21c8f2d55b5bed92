"""The table of everything a client may ask: method → what it brings, whether it must have joined, who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from demo.messages import Body

if TYPE_CHECKING:
    from demo.peer_session import PeerSession

BodyT = TypeVar("BodyT", bound=Body)
Accept = Callable[..., None]
"""Answers the request, with data or without; what a handler does afterwards, the client gets later."""
Handler = Callable[["PeerSession", BodyT, Accept], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """How one request is handled."""

    body: type[Body]
    handle: Handler[Any]
    needs_join: bool


REQUESTS: dict[str, Row] = {}


def handles(method: str, body: type[BodyT], *, needs_join: bool = False) -> Callable[[Handler[BodyT]], Handler[BodyT]]:
    """Puts a handler into the table. What it raises rejects the request."""

    def register(handler: Handler[BodyT]) -> Handler[BodyT]:
        REQUESTS[method] = Row(body, handler, needs_join)
        return handler

    return register
