"""What several requests answer alike: that something is not found, and statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from miso.controller import to_json
from miso.demo.rooms.session import PeerSession
from miso.protoo import RequestError

Thing = TypeVar("Thing")


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
