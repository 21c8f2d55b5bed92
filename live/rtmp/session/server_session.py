"""One client's connection as the server sees it: what it asks for, what it is answered, and when it is given up."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from miso.live.errors import ParseError, RefusedError
from miso.live.media.amf import Value
from miso.live.media.amf0 import write_amf0
from miso.live.rtmp.address import Application, read_address
from miso.live.rtmp.adobe_login import LoginFailedError
from miso.live.rtmp.capabilities import Capabilities, CapsEx, read_capabilities, server_capabilities
from miso.live.rtmp.chunks import ChunkLimits
from miso.live.rtmp.commands import Command, make_command, read_command
from miso.live.rtmp.handshake import ServerHandshake
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control
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
from miso.live.rtmp.session.introduction import LoginRules, read_introduction
from miso.live.rtmp.session.link import Link
from miso.live.rtmp.session.silence import LATE_S, Silence, Verdict
from miso.live.rtmp.session.waiting_messages import WaitingMessages
from miso.live.rtmp.status import Code, Level, status

STREAM_ID: Final = 1
"""The message stream that every client gets: it has one. Who frames for many players relies on it."""

_SERVER_VERSION: Final = "FMS/3,0,1,123"
"""Clients look for this form; what follows the comma nobody minds."""
_SERVER_CAPABILITIES: Final = 31
_COMMANDS: Final = frozenset((MessageType.COMMAND, MessageType.COMMAND_AMF3))
_MEDIA: Final = frozenset((MessageType.AUDIO, MessageType.VIDEO, MessageType.DATA))
_ANSWERS: Final = frozenset(("_result", "_error", "onStatus"))
_NOTHING_TO_DO: Final = frozenset(("releaseStream", "FCPublish", "_checkbw"))
"""What a server answers and does nothing for: only those of Flash had more to do."""


class Phase(Enum):
    """How far a client is.

    GREETING: It is to connect.
    CONNECTED: It is to publish or play.
    DECIDING: It wants to; whether it may is not decided. What it sends meanwhile, waits.
    PUBLISHING: It does.
    PLAYING: It does.
    LEAVING: It has been told to go, and has a moment to read why. What it sends is not looked at.
    ENDED: It is over.
    """

    GREETING = "greeting"
    CONNECTED = "connected"
    DECIDING = "deciding"
    PUBLISHING = "publishing"
    PLAYING = "playing"
    LEAVING = "leaving"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a client may make us keep, and how long it may take.

    Attributes:
        chunks: Of what it sends.
        waiting_bytes: Of messages that wait for a decision; with half of them its owner should stop reading.
        waiting_messages: So many of them.
        begin_s: From the connection's beginning, or the last stream's end, until it asks to publish or play.
        publisher_silent_s: A publisher that sends nothing for so long is asked whether it is there.
        publisher_gone_s: And is taken for dead after so long.
        player_silent_s: The same for a player.
        player_gone_s: The same for a player.
        leave_s: So long somebody who is told to go may take to read why.
    """

    chunks: ChunkLimits = field(default_factory=ChunkLimits)
    waiting_bytes: int = 4 * 1024 * 1024
    waiting_messages: int = 4096
    begin_s: float = 10.0
    publisher_silent_s: float = 5.0
    publisher_gone_s: float = 10.0
    player_silent_s: float = 30.0
    player_gone_s: float = 60.0
    leave_s: float = 2.0


class ServerSession:
    """The server's side of a connection.

    Its owner gives it bytes and the time, does what the events say, sends what :meth:`take_output` returns after each
    call, and calls :meth:`handle_timer` at :attr:`next_timer_s`. It decides first and answers then: no client hears of
    a start that does not come.

    Attributes:
        phase: How far it is.

    Args:
        limits: What the client may make us keep, and how long it may take.
        now_s: The time, in seconds; of a clock that never goes back.
        random: Gives so many bytes that nobody can guess.
        login_rules: Which clients are to say who they are.
    """

    def __init__(
        self,
        limits: SessionLimits,
        now_s: float,
        random: Callable[[int], bytes] = secrets.token_bytes,
        login_rules: LoginRules = LoginRules(),  # noqa: B008  # it is frozen
    ) -> None:
        self.phase = Phase.GREETING
        self._login_rules = login_rules
        self._limits = limits
        self._link = Link(limits.chunks, ServerHandshake(random))
        self._application = Application("", {})
        self._capabilities = Capabilities()
        self._deadline_s: float | None = now_s + limits.begin_s
        self._silence = Silence(now_s)
        self._stream_id = STREAM_ID  # on which it has asked to publish or play
        self._wants_to_play = False
        self._waiting = WaitingMessages(limits.waiting_messages, limits.waiting_bytes)
        self._wants = Wants(True, True)

    @property
    def bytes_in(self) -> int:
        """What has come."""
        return self._link.bytes_in

    @property
    def is_full(self) -> bool:
        """Whether so much waits for a decision that no more should be read."""
        return self._waiting.is_half_full

    @property
    def can_reconnect(self) -> bool:
        """Whether the client understands :meth:`ask_to_reconnect`."""
        return bool(self._capabilities.caps & CapsEx.RECONNECT)

    @property
    def next_timer_s(self) -> float | None:
        """When :meth:`handle_timer` is to be called; None: not at all."""
        times = [] if self._deadline_s is None else [self._deadline_s]
        patience = self._patience()
        if patience is not None:
            times.append(self._silence.due_s(*patience))
        return min(times, default=None)

    def receive(self, data: bytes, now_s: float) -> list[Event]:
        """Takes what has come, and returns what it means."""
        if self._is_deaf():
            return []
        self._silence.heard(now_s)
        events: list[Event] = []
        try:
            for message in self._link.receive(data):
                if self._is_deaf():
                    break
                if self.phase is Phase.DECIDING:
                    self._waiting.put(message)
                else:
                    self._handle(message, now_s, events)
        except ParseError as error:
            self._end(Ending.PROTOCOL, str(error), events)
        return events

    def handle_timer(self, now_s: float) -> list[Event]:
        """Sees to what is due."""
        events: list[Event] = []
        if self._deadline_s is not None and now_s >= self._deadline_s:
            if self.phase is Phase.LEAVING:
                self._end(Ending.DONE, "", events)
            elif now_s > self._deadline_s + LATE_S:
                self._deadline_s = now_s + LATE_S  # what it asked for may wait to be read
            else:
                self._end(Ending.TIMEOUT, f"neither published nor played within {self._limits.begin_s:g} s", events)
            return events
        patience = self._patience()
        if patience is not None:
            verdict = self._silence.look(*patience, now_s)
            if verdict is Verdict.ASK:
                self._link.ping(now_s)
            elif verdict is Verdict.GONE:
                _, gone_s = patience
                self._end(Ending.TIMEOUT, f"nothing came for {gone_s:g} s", events)
        return events

    def ask_whether_there(self, now_s: float) -> None:
        """Asks a publisher for a sign of life; whatever comes from it is one."""
        self._silence.asked(now_s)
        self._link.ping(now_s)

    def take_output(self) -> bytes:
        """What is to be sent; it is not kept."""
        return self._link.take_output()

    def accept(self, now_s: float) -> list[Event]:
        """The client may publish or play what it asked for.

        Returns:
            What came of the messages that have waited.
        """
        assert self.phase is Phase.DECIDING, self.phase
        self._silence.heard(now_s)
        self._link.send(make_user_control(UserControlType.STREAM_BEGIN, self._stream_id))
        if self._wants_to_play:
            self.phase = Phase.PLAYING
            self._wants = Wants(True, True)
            self._tell(status(Code.PLAY_RESET, "playing and resetting"))
            self._tell(status(Code.PLAY_START, "started playing"))
            access = write_amf0("|RtmpSampleAccess", True, True)
            self._link.send(Message(MessageType.DATA, 0, access, self._stream_id))
        else:
            self.phase = Phase.PUBLISHING
            self._tell(status(Code.PUBLISH_START, "started publishing"))
        return self._go_on(now_s)

    def refuse(self, code: Code, why: str, now_s: float) -> None:
        """The client may not do what it asked for, or no longer; it is told so and has a moment to go.

        Args:
            code: For programs.
            why: For people; it is sent.
            now_s: The time.
        """
        self._tell(status(code, why, Level.ERROR))
        self._leave(now_s)

    def end_stream(self, why: str, now_s: float) -> None:
        """What the client plays is over; it is told so and has a moment to go."""
        self._link.send(make_user_control(UserControlType.STREAM_EOF, self._stream_id))
        self._tell(status(Code.UNPUBLISH_NOTIFY, why))
        self._tell(status(Code.PLAY_STOP, why))
        self._leave(now_s)

    def ask_to_reconnect(self, why: str) -> None:
        """Asks the client to come again, to the same address (enhanced RTMP v2, "Reconnect Request")."""
        self._link.send(make_command("onStatus", 0, None, status(Code.RECONNECT_REQUEST, why)))

    def _is_deaf(self) -> bool:
        return self.phase in (Phase.LEAVING, Phase.ENDED)

    def _patience(self) -> tuple[float, float] | None:
        """After how long a silence the client is asked, and given up; None: it owes us nothing."""
        limits = self._limits
        if self.phase is Phase.PUBLISHING:
            return limits.publisher_silent_s, limits.publisher_gone_s
        if self.phase is Phase.PLAYING:
            return limits.player_silent_s, limits.player_gone_s
        return None

    def _end(self, why: Ending, detail: str, events: list[Event]) -> None:
        self.phase = Phase.ENDED
        self._deadline_s = None
        self._waiting.clear()
        events.append(Ended(why, detail))

    def _leave(self, now_s: float) -> None:
        self.phase = Phase.LEAVING
        self._deadline_s = now_s + self._limits.leave_s
        self._waiting.clear()

    def _go_on(self, now_s: float) -> list[Event]:
        events: list[Event] = []
        try:
            while self._waiting and self.phase is not Phase.DECIDING and not self._is_deaf():
                self._handle(self._waiting.take(), now_s, events)
        except ParseError as error:
            self._end(Ending.PROTOCOL, str(error), events)
        return events

    def _handle(self, message: Message, now_s: float, events: list[Event]) -> None:
        if message.type_id in _COMMANDS:
            self._handle_command(read_command(message), now_s, events)
        elif self.phase is not Phase.PUBLISHING:
            return  # what was on its way when a stream ended, or of no use
        elif message.type_id in _MEDIA:
            events.append(message)
        elif message.type_id == MessageType.DATA_AMF3:  # one byte before what is AMF0 mostly
            events.append(Message(MessageType.DATA, message.timestamp_ms, message.body[1:], message.stream_id))

    def _handle_command(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is Phase.GREETING and command.name != "connect":
            raise ParseError(f"RTMP client sent {command.name[:64]!r}, expected connect first")
        if command.name in _ANSWERS:
            return
        if command.name in _NOTHING_TO_DO:
            self._answer(command, None)
            return
        handler = _HANDLERS.get(command.name)
        if handler is not None:
            handler(self, command, now_s, events)
        elif command.transaction:
            self._fail(command, f"{command.name[:64]!r} is not known here")

    def _connect(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is not Phase.GREETING:
            self._fail(command, "the client is connected")
            return
        members = command.members(0)
        try:
            self._application = read_introduction(members, self._login_rules, now_s)
        except RefusedError as error:
            rejected = status(Code.CONNECT_REJECTED, str(error), Level.ERROR)
            self._link.send(make_command("_error", command.transaction, None, rejected))
            self._leave(now_s)
            if isinstance(error, LoginFailedError):
                events.append(LoginFailed(error.user))
            return
        self._capabilities = read_capabilities(members)
        self.phase = Phase.CONNECTED
        self._link.greet()
        server: dict[str, Value] = {"fmsVer": _SERVER_VERSION, "capabilities": _SERVER_CAPABILITIES}
        information = {**status(Code.CONNECT_SUCCESS, "connected"), "objectEncoding": 0}
        if self._capabilities.is_enhanced:
            information.update(server_capabilities())
        self._answer(command, server, information)

    def _create_stream(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is Phase.CONNECTED:
            self._answer(command, None, STREAM_ID)
        else:
            self._fail(command, "a connection has one stream")

    def _get_stream_length(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._answer(command, None, 0)

    def _fc_subscribe(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._link.send(make_command("onFCSubscribe", 0, None, status(Code.PLAY_START, "subscribed")))

    def _publish(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is not Phase.CONNECTED:
            busy = status(Code.PUBLISH_FAILED, "the connection has a stream", Level.ERROR)
            self._tell(busy, command.stream_id)
            return
        self._stream_id = command.stream_id
        try:
            address = read_address(self._application, command.text(1))
        except RefusedError as error:
            self.refuse(Code.PUBLISH_BAD_NAME, str(error), now_s)
            return
        self._decide(to_play=False)
        events.append(PublishAsked(address))

    def _play(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is not Phase.CONNECTED:
            self._tell(status(Code.PLAY_FAILED, "the connection has a stream", Level.ERROR), command.stream_id)
            return
        self._stream_id = command.stream_id
        if command.stream_id != STREAM_ID:
            self.refuse(Code.PLAY_FAILED, f"play came on stream {command.stream_id}, which was not created", now_s)
            return
        try:
            address = read_address(self._application, command.text(1))
        except RefusedError as error:
            self.refuse(Code.PLAY_STREAM_NOT_FOUND, str(error), now_s)
            return
        self._decide(to_play=True)
        events.append(PlayAsked(address, self._capabilities))

    def _decide(self, *, to_play: bool) -> None:
        self._wants_to_play = to_play
        self.phase = Phase.DECIDING
        self._deadline_s = None

    def _delete_stream(self, command: Command, now_s: float, events: list[Event]) -> None:
        which = command.value(1)
        if not isinstance(which, int | float) or which == self._stream_id:
            self._stop(now_s, events)

    def _close_stream(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._stop(now_s, events)

    def _fc_unpublish(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._link.send(make_command("onFCUnpublish", 0, None, status(Code.UNPUBLISH_SUCCESS, "stopped publishing")))
        if self.phase is Phase.PUBLISHING:
            self._stop(now_s, events)

    def _stop(self, now_s: float, events: list[Event]) -> None:
        if self.phase is Phase.PUBLISHING:
            self._tell(status(Code.UNPUBLISH_SUCCESS, "stopped publishing"))
        elif self.phase is Phase.PLAYING:
            self._tell(status(Code.PLAY_STOP, "stopped playing"))
        else:
            return
        self.phase = Phase.CONNECTED
        self._deadline_s = now_s + self._limits.begin_s
        events.append(Left())

    def _pause(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is not Phase.PLAYING:
            self._fail(command, "nothing is played")
            return
        paused = bool(command.value(1))
        if paused:
            self._tell(status(Code.PAUSE_NOTIFY, "paused"))
        else:
            self._tell(status(Code.UNPAUSE_NOTIFY, "goes on"))
        events.append(PauseAsked(paused))

    def _seek(self, command: Command, now_s: float, events: list[Event]) -> None:
        if self.phase is Phase.PLAYING:
            self._tell(status(Code.SEEK_NOTIFY, "a live stream stays where it is"))
        else:
            self._fail(command, "nothing is played")

    def _receive_audio(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._receive(Wants(bool(command.value(1)), self._wants.video), bool(command.value(1)), command, events)

    def _receive_video(self, command: Command, now_s: float, events: list[Event]) -> None:
        self._receive(Wants(self._wants.audio, bool(command.value(1))), bool(command.value(1)), command, events)

    def _receive(self, wants: Wants, is_more: bool, command: Command, events: list[Event]) -> None:
        if self.phase is not Phase.PLAYING:
            self._fail(command, "nothing is played")
            return
        if is_more:  # 7.2.2.4 and 7.2.2.5: otherwise there is no answer
            self._tell(status(Code.SEEK_NOTIFY, "a live stream stays where it is"))
            self._tell(status(Code.PLAY_START, "goes on"))
        if wants != self._wants:
            self._wants = wants
            events.append(wants)

    def _answer(self, command: Command, *values: Value) -> None:
        self._link.send(make_command("_result", command.transaction, *values, stream_id=0))

    def _fail(self, command: Command, why: str) -> None:
        failed = status(Code.CALL_FAILED, why, Level.ERROR)
        self._link.send(make_command("_error", command.transaction, None, failed, stream_id=0))

    def _tell(self, information: dict[str, Value], stream_id: int | None = None) -> None:
        where = self._stream_id if stream_id is None else stream_id
        self._link.send(make_command("onStatus", 0, None, information, stream_id=where))


_HANDLERS: Final[dict[str, Callable[[ServerSession, Command, float, list[Event]], None]]] = {
    "connect": ServerSession._connect,
    "createStream": ServerSession._create_stream,
    "getStreamLength": ServerSession._get_stream_length,
    "FCSubscribe": ServerSession._fc_subscribe,
    "publish": ServerSession._publish,
    "play": ServerSession._play,
    "deleteStream": ServerSession._delete_stream,
    "closeStream": ServerSession._close_stream,
    "FCUnpublish": ServerSession._fc_unpublish,
    "pause": ServerSession._pause,
    "pauseRaw": ServerSession._pause,
    "seek": ServerSession._seek,
    "receiveAudio": ServerSession._receive_audio,
    "receiveVideo": ServerSession._receive_video,
}
