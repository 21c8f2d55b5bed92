"""The table of everything a client may ask: method → what it brings, whether it must have joined, who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from miso.controller import to_json
from miso.demo.rooms.requests.messages import Body
from miso.protoo import RequestError

if TYPE_CHECKING:
    from miso.demo.rooms.session import PeerSession

BodyT = TypeVar("BodyT", bound=Body)
Thing = TypeVar("Thing")
Accept = Callable[..., None]
"""Answers the request, with data or without; what a handler does afterwards, the client gets later."""
Handler = Callable[["PeerSession", BodyT, Accept], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """How one request is handled."""

    body: type[Body]
    handle: Handler[Any]
    needs_join: bool
    told_everybody: bool


REQUESTS: dict[str, Row] = {}


def handles(
    method: str, body: type[BodyT], *, needs_join: bool = False, told_everybody: bool = False
) -> Callable[[Handler[BodyT]], Handler[BodyT]]:
    """Puts a handler into the table. What it raises rejects the request.

    Args:
        method: The request's name.
        body: Its data.
        needs_join: Whether only who has joined may ask it.
        told_everybody: Whether all others hear of it: it may come less often.
    """

    def register(handler: Handler[BodyT]) -> Handler[BodyT]:
        REQUESTS[method] = Row(body, handler, needs_join, told_everybody)
        return handler

    return register


def found(things: Mapping[str, Thing], what: str, thing_id: str) -> Thing:
    """The peer's thing of that id.

    Raises:
        RequestError: It has none, or none any more.
    """
    thing = things.get(thing_id)
    if thing is None:
        raise RequestError(500, f'{what} with id "{thing_id}" not found')
    return thing


def stats_answer(session: PeerSession, stats: Sequence[object]) -> object:
    """Statistics as the client's dialect has them."""
    entries = to_json(stats)
    return {"stats": entries} if session.speaks_2026 else entries
