"""What the table of requests has of each: its data, whether it needs a join, and the function that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from miso.demo.rooms.requests.messages import Body
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession

BodyT = TypeVar("BodyT", bound=Body)
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
        answers_much: Whether its answer is large: it may come less often, too.
    """

    body: type[BodyT]
    handle: Handler[BodyT]
    needs_join: bool = False
    told_everybody: bool = False
    answers_much: bool = False
