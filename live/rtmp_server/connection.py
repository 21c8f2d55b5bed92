"""One TCP or TLS connection of the RTMP server: its bytes to and from a session, and what the session's events need."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, cast

from miso.live.access.wrong_passwords import TOO_MANY_WRONG
from miso.live.broadcast.player import BroadcastPlayer
from miso.live.broadcast.tls_player import TlsPlayer
from miso.live.clock import Timer
from miso.live.errors import LimitError, LiveError, ParseError, RefusedError, StreamClosedError
from miso.live.rtmp.adobe_login import MAX_USER_LENGTH
from miso.live.rtmp.messages import Message
from miso.live.rtmp.session.events import (
    Ended,
    Ending,
    Event,
    Left,
    LoginFailed,
    PauseAsked,
    PlayAsked,
    PublishAsked,
    Wants,
)
from miso.live.rtmp.status import Code
from miso.live.rtmp_ingest.publisher import Publisher
from miso.live.rtmp_server.admission import (
    AdmittedPlayer,
    AdmittedPublisher,
    FailedError,
    Who,
    admit_player,
    admit_publisher,
    refusal,
)
from miso.live.rtmp_server.context import Context
from miso.live.rtmp_server.publisher_limits import PublisherLimits, TooFast
from miso.live.rtmp_server.reading import Obstacle, Reading
from miso.live.sessions.session import Counts, EndReason, Session
from miso.live.streams.waiters import Waiters
from miso.serving.client_address import plain_address

logger = logging.getLogger(__name__)

_REASONS: Final = {
    Ending.DONE: EndReason.DONE,
    Ending.PROTOCOL: EndReason.PROTOCOL,
    Ending.TIMEOUT: EndReason.TIMEOUT,
}
_MAX_UNREAD_BYTES: Final = 256 * 1024
"""Of answers that a client does not read; with more it is not read either."""


class RtmpConnection(asyncio.Protocol):
    """A connection.

    Args:
        context: What connections share.
        protocol: ``rtmp`` or ``rtmps``.
        give_back: Its place among those that have not begun, if somebody has taken it already.
    """

    def __init__(self, context: Context, protocol: str, give_back: Callable[[], None] | None = None) -> None:
        self._context = context
        self._live = context.live
        self._protocol = protocol
        self._give_back = give_back
        self._rtmp = context.new_session(self._check_tries)
        self._transport: asyncio.Transport | None = None  # until the connection is gone
        self._reading: Reading | None = None
        self._address = "unknown"
        self._timer: Timer | None = None
        self._timer_s = 0.0
        self._slow_timer: Timer | None = None
        self._deciding: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._publisher: Publisher | None = None
        self._player: BroadcastPlayer | None = None
        self._limits: PublisherLimits | None = None
        self._heard = Waiters()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_MAX_UNREAD_BYTES)
        self._reading = Reading(self._transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self._address = plain_address(peer[0])
        if self._give_back is None:
            try:
                self._give_back = self._context.beginning.take(self._address)
            except LimitError as error:
                self._context.count_refusal(f"address={self._address}: {error}")
                self._transport.abort()
                return
        self._context.add(self)
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        """Something has come."""
        self._heard.wake()
        if self._limits is not None:
            self._slow_down(self._limits.count(len(data), self._now_s()))
        self._guard(lambda: self._act(self._rtmp.receive(data, self._now_s())))

    def pause_writing(self) -> None:
        """The client does not read."""
        if self._reading is not None:
            self._reading.set(Obstacle.NOT_READ, True)

    def resume_writing(self) -> None:
        """The client has read."""
        if self._reading is not None:
            self._reading.set(Obstacle.NOT_READ, False)
        if isinstance(self._player, TlsPlayer):
            self._player.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self._heard.wake()
        self._context.discard(self)
        for timer in (self._timer, self._slow_timer):
            if timer is not None:
                timer.cancel()
        if self._deciding is not None:
            self._deciding.cancel()
        why = "the connection was closed" if exc is None else str(exc) or type(exc).__name__
        self._free_place(Ending.DONE, why)
        self._stop(EndReason.DONE, why)

    # What the server calls.

    def ask_to_reconnect(self) -> bool:
        """The server restarts: asks the client to come again. Returns whether it understands that."""
        if self._transport is None or not self._rtmp.can_reconnect:
            return False
        self._rtmp.ask_to_reconnect("the server restarts")
        self._send()
        return True

    def shut_down(self) -> None:
        """The server ends."""
        self._stop(EndReason.DONE, "the server ends")
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the session says.

    def _guard(self, work: Callable[[], None]) -> None:
        """The edge where a unit of one connection's work begins: a bug in it ends this connection, and nothing else."""
        if self._is_closing():
            return
        try:
            work()
        except Exception as error:  # noqa: BLE001  # the edge
            self._fail(error)
            return
        self._send()
        self._set_timer()
        if self._reading is not None:
            self._reading.set(Obstacle.WAITING, self._rtmp.is_full)

    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _fail(self, error: Exception) -> None:
        self._context.failures += 1
        if self._session is not None:
            self._session.fail(error)
        else:
            logger.error("RTMP connection of %s failed", self._address, exc_info=error)
        self.abort()

    def _act(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Message):
                self._publish(event)
            elif isinstance(event, PublishAsked | PlayAsked):
                self._deciding = asyncio.create_task(self._decide(event))
            elif isinstance(event, LoginFailed):
                self._live.gate.wrong_passwords.add(self._address)
                self._context.count_failed_login(f"address={self._address} user={event.user[:MAX_USER_LENGTH]!r}")
            elif isinstance(event, Left):
                self._left()
            elif isinstance(event, Ended):
                self._end(event)
            elif self._player is not None:
                self._obey(self._player, event)

    def _check_tries(self) -> None:
        if self._live.gate.wrong_passwords.refuse(self._address):
            raise RefusedError(TOO_MANY_WRONG)

    def _obey(self, player: BroadcastPlayer, wish: PauseAsked | Wants) -> None:
        if isinstance(wish, Wants):
            player.wants(audio=wish.audio, video=wish.video)
        elif wish.paused:
            player.pause()
        else:
            player.resume()

    def _publish(self, message: Message) -> None:
        if self._publisher is None:
            return  # it has lost the stream
        try:
            self._publisher.take(message)
        except ParseError as error:
            self._end(Ended(Ending.PROTOCOL, str(error)))
        except StreamClosedError as error:
            self._leave(EndReason.STREAM_ENDED, Code.PUBLISH_FAILED, str(error))

    async def _decide(self, asked: PublishAsked | PlayAsked) -> None:
        """Waits until it is clear whether the client may, and then says so."""
        who = Who(self._protocol, self._address, self._kicked)
        try:
            if isinstance(asked, PublishAsked):
                publisher = await admit_publisher(self._live, who, asked, self._lost, self._is_there)
                if self._is_closing():
                    publisher.give_up()
                else:
                    self._guard(lambda: self._begin_publishing(publisher))
            else:
                player = await admit_player(self._live, who, asked)
                if self._is_closing():
                    player.give_up()
                else:
                    self._guard(lambda: self._begin_playing(player))
        except LiveError as error:
            self._context.failures += isinstance(error, FailedError)
            self._refuse(refusal(asked, error), str(error))
        except Exception as error:  # noqa: BLE001  # the edge, as in _guard
            self._fail(error)

    def _begin_publishing(self, admitted: AdmittedPublisher) -> None:
        self._session = session = admitted.session
        self._publisher = Publisher(admitted.publication, self._dropped, str(session))
        self._limits = self._context.limits_of_publisher(self._address)
        before = self._rtmp.bytes_in
        session.count = lambda: Counts(bytes_in=self._rtmp.bytes_in - before)
        self._free_place()
        session.begin()
        self._act(self._rtmp.accept(self._now_s()))

    def _begin_playing(self, admitted: AdmittedPlayer) -> None:
        assert self._transport is not None
        self._session = session = admitted.session
        before_in = self._rtmp.bytes_in
        try:
            broadcast = self._live.broadcasts.get(admitted.stream, admitted.format)
        except StreamClosedError as error:  # just now
            self._stop(EndReason.STREAM_ENDED, str(error))
            self._refuse(Code.PLAY_STREAM_NOT_FOUND, str(error))
            return
        events = self._rtmp.accept(self._now_s())
        before = self._rtmp.take_output()
        self._player = player = broadcast.add(
            self._transport, start=admitted.start, before=before, on_end=self._played, takes=admitted.takes
        )
        session.count = lambda: Counts(self._rtmp.bytes_in - before_in, player.sent_bytes, player.dropped_packets)
        self._free_place()
        session.begin()
        self._act(events)

    def _dropped(self, packets: int) -> None:
        if self._session is not None:
            self._session.dropped_packets += packets

    # How it ends.

    def _end(self, event: Ended) -> None:
        """The session is over."""
        if self._deciding is not None:
            self._deciding.cancel()
        self._free_place(event.why, event.detail)
        self._stop(_REASONS[event.why], event.detail)
        if self._transport is not None:
            self._send()
            self._transport.close()

    def _stop(self, reason: EndReason, detail: str) -> None:
        """It publishes or plays no more."""
        session, self._session = self._session, None
        publisher, self._publisher = self._publisher, None
        player, self._player = self._player, None
        limits, self._limits = self._limits, None
        if session is not None:
            session.end(reason, detail)
        if publisher is not None:
            publisher.close()
        if limits is not None:
            limits.give_back(self._now_s())
        if player is not None:
            player.remove()

    def _leave(self, reason: EndReason, code: Code, why: str) -> None:
        """A publisher is told that it is over, and has a moment to read why."""
        self._stop(reason, why)
        self._refuse(code, why)

    def _refuse(self, code: Code, why: str) -> None:
        self._rtmp.refuse(code, why, self._now_s())
        self._send()
        self._set_timer()

    def _left(self) -> None:
        """The client publishes or plays no more. A player is closed: a packet may have gone to it in part."""
        was_playing = self._player is not None
        self._stop(EndReason.DONE, "")
        if was_playing and self._transport is not None:
            self._transport.close()

    def _lost(self) -> None:
        """The stream is not the publisher's any more."""
        path = self._session.path if self._session is not None else ""
        stream = self._live.streams.get(path)
        if stream is None or stream.closed:
            self._leave(EndReason.STREAM_ENDED, Code.PUBLISH_FAILED, "the stream was ended")
        else:
            self._leave(EndReason.REPLACED, Code.PUBLISH_BAD_NAME, "another publisher has taken the stream over")

    async def _is_there(self) -> bool:
        """Whether a publisher is still there: another one wants its stream."""
        if self._slow_timer is not None:
            return True  # it sends more than we read
        self._rtmp.ask_whether_there(self._now_s())
        self._send()
        heard = asyncio.get_running_loop().create_future()
        self._heard.add(heard)
        try:
            for _ in range(2):  # who was not heard because we had no time to listen, is heard in the second half
                await asyncio.wait({heard}, timeout=self._context.settings.publisher_answer / 2)
        finally:
            self._heard.discard(heard)
        return heard.done() and not self._is_closing()

    def _kicked(self) -> None:
        """An operator has ended the session."""
        if self._publisher is not None:
            self._leave(EndReason.KICKED, Code.PUBLISH_DENIED, "an operator has ended this")
        else:
            self._stop(EndReason.KICKED, "")
            self.abort()

    def _played(self, reason: EndReason, detail: str) -> None:
        """What the player got is over, or it got it too slowly."""
        self._player = None
        self._stop(reason, detail)
        if reason is EndReason.STREAM_ENDED:
            self._guard(lambda: self._rtmp.end_stream("the stream has ended", self._now_s()))
        elif reason is EndReason.REFUSED:
            self._guard(lambda: self._rtmp.refuse(Code.PLAY_FAILED, detail, self._now_s()))
        else:
            self.abort()

    def _free_place(self, why: Ending | None = None, detail: str = "") -> None:
        """It is not one of those any more that have not begun: it has begun, or is over."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()
            if why is not None:
                self._context.count_unbegun(why, f"address={self._address}: {detail or 'refused'}")

    # Time and bytes.

    def _now_s(self) -> float:
        return self._live.clock.time()

    def _send(self) -> None:
        output = self._rtmp.take_output()
        if not output or self._transport is None:
            return
        if self._player is not None:
            self._player.say(output)
        else:
            self._transport.write(output)

    def _set_timer(self) -> None:
        due_s = self._rtmp.next_timer_s
        if due_s is None or self._transport is None or (self._timer is not None and self._timer_s <= due_s):
            return  # one that comes too early looks again
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = due_s
        self._timer = self._live.clock.call_later(due_s - self._now_s(), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._slow_timer is not None:  # we do not read: that it says nothing does not mean that it is gone
            self._guard(lambda: self._act(self._rtmp.receive(b"", self._now_s())))
        self._guard(lambda: self._act(self._rtmp.handle_timer(self._now_s())))

    def _slow_down(self, too_fast: TooFast | None) -> None:
        if too_fast is None or self._slow_timer is not None or self._reading is None:
            return
        self._context.count_too_fast(f"{self._session}: {too_fast.limit}")
        self._reading.set(Obstacle.TOO_FAST, True)
        self._slow_timer = self._live.clock.call_later(too_fast.pause_s, self._go_on)

    def _go_on(self) -> None:
        self._slow_timer = None
        if self._reading is not None:
            self._reading.set(Obstacle.TOO_FAST, False)
