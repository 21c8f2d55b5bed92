"""One stream that comes from another server, or goes to it: connected, watched, and connected again."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from miso.live.engine.services import Live
from miso.live.errors import LiveError, RefusedError
from miso.live.relay.connection import RelayConnection, connected
from miso.live.relay.dialing import Dialer
from miso.live.relay.retry_pause import BackOff
from miso.live.rtmp.session.client_session import Purpose
from miso.live.rtmp.url import RtmpUrl
from miso.live.sessions.session import Counts, EndReason, Role, Session
from miso.protoo.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

PROTOCOL: Final = "relay"
_PLAYERS_WISHES: Final = LogRateLimit(logger, "a relay that a player wanted", logging.INFO)
"""Whoever asks for names that nobody has, writes no log as long as it likes."""
STEADY_S: Final = 10.0
"""What has carried for so long, has worked: the next pause is a short one."""


class Direction(Enum):
    """Which way."""

    PULL = "pull"
    PUSH = "push"


class WantedBy(Enum):
    """Who has brought a relay about."""

    SETTINGS = "settings"
    OPERATOR = "operator"
    PLAYER = "player"


class RelayState(Enum):
    """Where a relay is in its life.

    WAITING: A push for its stream; a pull until nobody else publishes it, or for a player.
    CONNECTING: To the server.
    RUNNING: It carries.
    FAILED: It could not, ``reason`` says why; it tries again after a pause.
    ENDED: It is over.
    """

    WAITING = "waiting"
    CONNECTING = "connecting"
    RUNNING = "running"
    FAILED = "failed"
    ENDED = "ended"


class Carrier(Protocol):
    """Pulls, or pushes."""

    def check(self) -> None:
        """Raises a LiveError when there is nothing to do now."""

    async def carry(self, connection: RelayConnection, session: Session, on_begun: Callable[[], None]) -> None:
        """Goes on until it cannot, and raises why."""


@dataclass(frozen=True, slots=True)
class Route:
    """What goes where.

    Attributes:
        direction: Which way.
        path: The stream's, here.
        url: The other server's stream.
        wanted_by: Who wants it. What a player wants ends when it fails before it has carried anything: otherwise two
            servers that ask each other would go on for ever.
        most_failures: It ends when it has failed so often in a row; None: it is always tried again.
    """

    direction: Direction
    path: str
    url: RtmpUrl
    wanted_by: WantedBy
    most_failures: int | None = None

    def __str__(self) -> str:
        """As the log has it: a stream's name may be a key, and is left out."""
        return f"{self.direction.value} stream={self.path} server={self.url.tc_url}"


class Relay:
    """A route, for as long as it is wanted.

    Attributes:
        id: Which one, for operators.
        route: What goes where.
        opened_s: When it was begun, as Unix time.
        ended_s: When it ended; None: it has not.
        session: While it is connected.
        state: Where it is in its life.
        reason: Why it does not carry; empty: it does, or nothing has gone wrong.
        failures: How often it has not come to carry, or ended.
        has_carried: Whether it has ever carried anything.

    Args:
        route: What goes where.
        carrier: Does it.
        live: What plugins share.
        back_off: How long to wait before trying again.
        dialer: Connects to other servers.
    """

    def __init__(self, route: Route, carrier: Carrier, live: Live, back_off: BackOff, dialer: Dialer) -> None:
        self.id = secrets.token_hex(4)
        self.route = route
        self.opened_s = live.unix_s()
        self.ended_s: float | None = None
        self.session: Session | None = None
        self.state = RelayState.WAITING
        self.reason = ""
        self.failures = 0
        self._carrier = carrier
        self._live = live
        self._back_off = back_off
        self._dialer = dialer
        self.has_carried = False
        self._failures_in_a_row = 0
        self._told: Exception | None = None  # what a session has told of
        self._logged: tuple[RelayState, str] | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: RelayConnection | None = None

    def start(self, on_end: Callable[[Relay], None]) -> None:
        """Begins; ``on_end`` is called when it is over."""
        self._task = asyncio.create_task(self._run(), name=str(self.route))
        self._task.add_done_callback(lambda task: self._ended(task, on_end))

    def wake(self) -> None:
        """What it waits for may be there now."""
        if self.state is RelayState.WAITING:
            self._woken.set()

    async def stop(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                self._carrier.check()
            except LiveError as error:
                self._note(RelayState.WAITING, str(error))
                await self._woken.wait()
                continue
            began_s = self._live.clock.time()
            try:
                await self._carry()
            except (LiveError, OSError) as error:  # certificates' faults among it
                self._count_failure(str(error) or type(error).__name__)
            except Exception as error:  # an edge: a bug costs this attempt
                if error is not self._told:
                    logger.exception("relay %s has met a bug", self.route)
                self._count_failure("internal error")
            if self._live.clock.time() - began_s >= STEADY_S:
                self._back_off.reset()
                self._failures_in_a_row = 1  # this one
            if self._has_failed_enough():
                return
            await self._pause(self._back_off.next_s())

    def _count_failure(self, why: str) -> None:
        self.failures += 1
        self._failures_in_a_row += 1
        self._note(RelayState.FAILED, why)

    def _has_failed_enough(self) -> bool:
        if self.route.wanted_by is WantedBy.PLAYER:
            return not self.has_carried
        most = self.route.most_failures
        return most is not None and self._failures_in_a_row >= most

    async def _carry(self) -> None:
        self._note(RelayState.CONNECTING, self.reason)
        route, live = self.route, self._live
        is_pull = route.direction is Direction.PULL
        role = Role.PUBLISHER if is_pull else Role.PLAYER
        via = (*self._via(Role.PLAYER if is_pull else Role.PUBLISHER), live.id)
        purpose = Purpose.PLAY if is_pull else Purpose.PUBLISH
        async with connected(route.url, purpose, via, live.clock, self._dialer) as connection:
            session = live.sessions.open(PROTOCOL, connection.address, role, route.path, self._kicked)
            session.count = lambda: Counts(connection.bytes_in, connection.bytes_out)
            self._connection, self.session = connection, session

            def begun() -> None:
                self.has_carried = True
                self._note(RelayState.RUNNING, "")
                session.begin()

            try:
                await self._carrier.carry(connection, session, begun)
            except asyncio.CancelledError:
                session.end(EndReason.DONE, "the relay ends")
                raise
            except Exception as error:
                session.fail(error)
                self._told = error
                raise
            finally:
                self._connection = self.session = None

    def _via(self, role: Role) -> tuple[str, ...]:
        """The servers through which the stream has come to here, or will go from here."""
        sessions = self._live.sessions.of(self.route.path)
        ids = dict.fromkeys(one for session in sessions if session.role is role for one in session.via)
        return tuple(ids)

    def _kicked(self) -> None:
        if self._connection is not None:
            self._connection.fail(RefusedError("an operator has ended this"))

    async def _pause(self, pause_s: float) -> None:
        self._woken.clear()
        timer = self._live.clock.call_later(pause_s, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def _note(self, state: RelayState, reason: str) -> None:
        if state is not RelayState.CONNECTING and (state, reason) != self._logged:
            self._logged = state, reason
            what = f"{self.route}: {state.value}{f', {reason}' if reason else ''}"
            if self.route.wanted_by is WantedBy.PLAYER:
                _PLAYERS_WISHES.count(what)
            else:
                logger.info("relay %s", what)
        self.state, self.reason = state, reason

    def _ended(self, task: asyncio.Task[None], on_end: Callable[[Relay], None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reason = "internal error"
            logger.error("relay %s has met a bug", self.route, exc_info=error)
        self.state = RelayState.ENDED
        self.ended_s = self._live.unix_s()
        on_end(self)
