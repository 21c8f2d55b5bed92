"""How a request is handled: what it brings, whether it must have joined, who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from miso.controller import to_json
from miso.demo.rooms.requests.messages import Body
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.protoo import RequestError

BodyT = TypeVar("BodyT", bound=Body)
Thing = TypeVar("Thing")
Accept = Callable[..., None]
"""Answers the request, with data or without; what a handler does afterwards, the client gets later."""
Handler = Callable[[PeerSession, Room, BodyT, Accept], Awaitable[None]]
"""Does what the client asks for; what it raises rejects the request."""


@dataclass(frozen=True, slots=True)
class Row(Generic[BodyT]):
    """One row of the table of requests.

    Attributes:
        body: The request's data.
        handle: Who answers.
        needs_join: Whether only who has joined may ask it.
        told_everybody: Whether all others hear of it: it may come less often.
    """

    body: type[BodyT]
    handle: Handler[BodyT]
    needs_join: bool = False
    told_everybody: bool = False


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
