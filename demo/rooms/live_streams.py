"""What people in rooms may do with live streams: see which there are, bring one into their room, take it out again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from miso.demo.json import Json
from miso.demo.limits.per_address import AddressLimits
from miso.demo.rooms.relayed_data import plain_name
from miso.live.bridge.bridge import Bridge, BridgeState, Direction
from miso.live.bridge.plugin import ShownStream
from miso.live.bridge.settings import PageUse
from miso.live.errors import DeniedError, LimitError, RefusedError, StreamClosedError
from miso.protoo import RequestError

logger = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 10.0
"""Who began a bridge that has neither come about nor ended by then gets an answer all the same."""
MAX_SHOWN: Final = 100
"""Streams in one answer."""
MAX_PER_ROOM: Final = 4
"""Streams that people have in a room at a time: each is sound and picture for everybody there."""
MAX_REASONS: Final = 200
"""Streams of which it is remembered why they are not in their room any more; the oldest is forgotten."""
UNAUTHORIZED = 401
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
UNAVAILABLE = 503


class Bridges(Protocol):
    """What brings live streams into rooms."""

    @property
    def page(self) -> PageUse:
        """What people may do."""

    @property
    def max_from_page(self) -> int:
        """How many streams people may have brought in, in all rooms together."""

    def __iter__(self) -> Iterator[Bridge]:
        """All bridges."""

    def shown(self) -> Iterable[ShownStream]:
        """The streams that people may know of."""

    async def admit(self, path: str, address: str, token: str) -> str:
        """Whether somebody may play one, and under which path it is; raises RefusedError."""

    def bring_in(self, path: str, room_id: str, display_name: str = "") -> Bridge:
        """Brings one into a room; raises RefusedError or StreamClosedError."""


class Person(Protocol):
    """Who asks."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    @property
    def closed(self) -> bool:
        """Whether it has left."""


async def begun(begin: Callable[[], Bridge]) -> Bridge:
    """Begins a bridge, and waits for what comes of it.

    Raises:
        RequestError: Nothing; it says why.
    """
    try:
        bridge = begin()
    except LimitError as error:
        raise RequestError(UNAVAILABLE, str(error)) from error
    except RefusedError as error:
        raise RequestError(CONFLICT, str(error)) from error
    except StreamClosedError as error:
        raise RequestError(NOT_FOUND, str(error)) from error
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await bridge.settled()
    except TimeoutError:
        pass  # it waits still
    if bridge.state is BridgeState.ENDED:
        raise RequestError(CONFLICT, bridge.reason or "it has ended")
    return bridge


class LiveStreams:
    """Live streams as the people of a server's rooms have them.

    They are no operators: what settings or programs have brought in stays. What people bring in goes when the last of
    them leaves the room.

    Args:
        bridges: What brings live streams in; None: nothing does at the moment.
        limits: Where refusals are counted.
    """

    def __init__(self, bridges: Callable[[], Bridges | None], limits: AddressLimits) -> None:
        self._bridges = bridges
        self._limits = limits
        self._of_people: list[Bridge] = []
        self._reasons: dict[tuple[str, str], str] = {}  # by room and stream: why what people brought in has ended

    def shown_in(self, room_id: str) -> Json:
        """The streams, and what people of that room may do with them."""
        bridges = self._bridges()
        if bridges is None or bridges.page is PageUse.OFF:
            return {"shown": False, "mayBringIn": False, "streams": [], "inRoom": [], "ended": [], "more": False}
        found = list(itertools.islice(bridges.shown(), MAX_SHOWN + 1))
        of_people = self._brought_in(room_id)
        return {
            "shown": True,
            "mayBringIn": bridges.page is PageUse.BRING_IN,
            "streams": [{"stream": one.path, "codecs": one.codecs} for one in found[:MAX_SHOWN]],
            "inRoom": [
                {
                    "stream": bridge.route.stream,
                    "displayName": bridge.route.who,
                    "state": bridge.state.value,
                    "reason": bridge.reason,
                    "mayTakeOut": bridge in of_people,
                }
                for bridge in bridges
                if bridge.route.direction is Direction.TO_ROOM and bridge.route.room == room_id
            ],
            "ended": [
                {"stream": stream, "reason": reason}
                for (room, stream), reason in self._reasons.items()
                if room == room_id
            ],
            "more": len(found) > MAX_SHOWN,
        }

    async def bring_in(self, room_id: str, path: str, person: Person, token: str) -> None:
        """Brings one into a room, for everybody there.

        Args:
            room_id: The room.
            path: The stream's.
            person: Who wants it.
            token: What it shows for it, where who plays needs a token.

        Raises:
            RequestError: It may not, there are too many, or the stream cannot be there; it says why.
        """
        bridges = self._changeable()
        try:
            admitted = await bridges.admit(path, person.address, token)
        except DeniedError as error:
            raise RequestError(UNAUTHORIZED if error.unauthorized else FORBIDDEN, str(error)) from error
        except RefusedError as error:
            raise RequestError(CONFLICT, str(error)) from error
        if person.closed:  # meanwhile the room may have lost its last person
            raise RequestError(CONFLICT, "who asked has left")

        def begin() -> Bridge:
            # Between looking for a place and taking it nothing waits
            self._check_place(room_id, bridges.max_from_page)
            bridge = bridges.bring_in(admitted, room_id, plain_name(path))
            self._of_people.append(bridge)
            self._reasons.pop((room_id, admitted), None)
            return bridge

        await begun(begin)
        logger.info("room=%s stream=%s brought in from %s", room_id, admitted, person.address)

    async def take_out(self, room_id: str, path: str) -> None:
        """Takes out what people have brought in.

        Raises:
            RequestError: It is not there, or not theirs to take out.
        """
        self._changeable()
        bridge = next((one for one in self._brought_in(room_id) if one.route.stream == path), None)
        if bridge is None:
            raise RequestError(NOT_FOUND, "nobody here has brought this live stream in")
        await bridge.stop()

    def left_alone(self, room_id: str) -> None:
        """The last person has left a room."""
        for bridge in self._brought_in(room_id):
            bridge.end()
        self._reasons = {key: reason for key, reason in self._reasons.items() if key[0] != room_id}

    def _brought_in(self, room_id: str) -> list[Bridge]:
        for bridge in self._of_people:
            if bridge.state is BridgeState.ENDED and bridge.reason:
                self._reasons[bridge.route.room, bridge.route.stream] = bridge.reason
        while len(self._reasons) > MAX_REASONS:
            del self._reasons[next(iter(self._reasons))]
        self._of_people = [bridge for bridge in self._of_people if bridge.state is not BridgeState.ENDED]
        return [bridge for bridge in self._of_people if bridge.route.room == room_id]

    def _check_place(self, room_id: str, most: int) -> None:
        if len(self._brought_in(room_id)) >= MAX_PER_ROOM:
            self._limits.refused("live_streams_per_room", f"room={room_id}")
            raise RequestError(UNAVAILABLE, f"{MAX_PER_ROOM} live streams are in this room, more are not allowed")
        if len(self._of_people) >= most:
            self._limits.refused("live_streams_from_page", f"room={room_id}")
            raise RequestError(UNAVAILABLE, "too many live streams are in rooms at the moment")

    def _changeable(self) -> Bridges:
        bridges = self._bridges()
        if bridges is None or bridges.page is not PageUse.BRING_IN:
            raise RequestError(FORBIDDEN, "people may not bring live streams in here (live.rooms.page)")
        return bridges
