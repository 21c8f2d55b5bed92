"""One stream in one room, or one room as one stream: begun, watched, and begun again where that makes sense."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from miso.live.bridge.rooms import RoomClosedError
from miso.live.clock import Clock
from miso.live.errors import LiveError, RefusedError, StreamClosedError
from miso.live.sessions.session import Counts, EndReason, Role, Session
from miso.live.sessions.sessions import Sessions

logger = logging.getLogger(__name__)

PROTOCOL: Final = "rooms"
ADDRESS: Final = "127.0.0.1"
"""Where its sessions come from: this machine."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0


class Direction(Enum):
    """Which way.

    TO_ROOM: A live stream in a room.
    FROM_ROOM: A room as a live stream.
    """

    TO_ROOM = "toRoom"
    FROM_ROOM = "fromRoom"


class BridgeState(Enum):
    """Where a bridge is in its life.

    WAITING: For its stream, or its room, or for a moment before it tries again.
    RUNNING: It carries.
    REFUSED: It cannot carry this; ``reason`` says why. It tries again, in case that changes.
    ENDED: It is over.
    """

    WAITING = "waiting"
    RUNNING = "running"
    REFUSED = "refused"
    ENDED = "ended"


class Carrier(Protocol):
    """Carries once, until it cannot go on."""

    async def run(self, on_begun: Callable[[], None]) -> None:
        """Calls ``on_begun`` once it carries; raises RefusedError, RoomClosedError or StreamClosedError at its end."""

    @property
    def sent_bytes(self) -> int:
        """Payload that has come out at its end."""


@dataclass(frozen=True, slots=True)
class Route:
    """What goes where.

    Attributes:
        direction: Which way.
        stream: The live stream's path.
        room: The room.
        who: Of a stream into a room, what it is called; of a room, whom the stream shows.
        lasts: It tries again until it is stopped. Else it ends when its stream or room does.
    """

    direction: Direction
    stream: str
    room: str
    who: str
    lasts: bool


class Bridge:
    """One route.

    Attributes:
        id: Nobody can guess it.
        route: What goes where.
        state: Where it is in its life.
        reason: Why it does not carry; empty: it does, or nothing has gone wrong.
        carrier: What carries at the moment.

    Args:
        route: What goes where.
        make: Makes what carries; raises the errors of :meth:`Carrier.run` if there is nothing to carry.
        sessions: Where it is entered as a player, or as a publisher.
        clock: The time.
    """

    def __init__(self, route: Route, make: Callable[[], Carrier], sessions: Sessions, clock: Clock) -> None:
        self.id = secrets.token_hex(8)
        self.route = route
        self.state = BridgeState.WAITING
        self.reason = ""
        self.carrier: Carrier | None = None
        self._make = make
        self._sessions = sessions
        self._clock = clock
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._session: Session | None = None

    def start(self, on_end: Callable[[Bridge], None]) -> None:
        """Begins; ``on_end`` is called when it is over."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda task: self._ended(task, on_end))

    def wake(self) -> None:
        """What it waits for may be there now."""
        self._woken.set()

    async def settled(self) -> None:
        """Returns once it carries, is refused, or is over."""
        await self._settled.wait()

    def end(self) -> None:
        """Ends it, soon."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Ends it; returns when it is over."""
        self.end()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            began_s = self._clock.time()
            try:
                await self._carry()
            except (RefusedError, RoomClosedError, StreamClosedError) as error:
                self._note(error)
                if not self.route.lasts:
                    return
            pause_s = _FIRST_PAUSE_S if self._clock.time() - began_s > _LONGEST_PAUSE_S else pause_s
            await self._wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _carry(self) -> None:
        self._woken.clear()
        carrier = self._make()
        role = Role.PLAYER if self.route.direction is Direction.TO_ROOM else Role.PUBLISHER
        session = self._sessions.open(PROTOCOL, ADDRESS, role, self.route.stream, self.end)
        self.carrier, self._session = carrier, session
        if role is Role.PLAYER:
            session.count = lambda: Counts(bytes_out=carrier.sent_bytes)
        else:
            session.count = lambda: Counts(bytes_in=carrier.sent_bytes)

        def begun() -> None:
            self.state, self.reason = BridgeState.RUNNING, ""
            self._settled.set()
            session.begin()

        try:
            await carrier.run(begun)
        except RoomClosedError as error:
            session.end(EndReason.DONE, str(error))
            raise
        except asyncio.CancelledError:
            session.end(EndReason.DONE)
            raise
        except Exception as error:
            session.fail(error)
            raise
        finally:
            session.end(EndReason.DONE)
            self.carrier = self._session = None

    async def _wait(self, pause_s: float) -> None:
        timer = self._clock.call_later(pause_s, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def _note(self, error: LiveError | RoomClosedError) -> None:
        state = BridgeState.REFUSED if isinstance(error, RefusedError) else BridgeState.WAITING
        text = str(error)
        if (state, text) != (self.state, self.reason):
            logger.info(
                "bridge=%s %s stream=%s room=%s %s: %s",
                *(self.id, self.route.direction.value, self.route.stream, self.route.room, state.value, text),
            )
        self.state, self.reason = state, text
        if state is BridgeState.REFUSED and self.route.lasts:
            self._settled.set()

    def _ended(self, task: asyncio.Task[None], on_end: Callable[[Bridge], None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reason = "internal error"
            logger.error("bridge=%s has met a bug", self.id, exc_info=error)
        self.state = BridgeState.ENDED
        self._settled.set()
        on_end(self)
