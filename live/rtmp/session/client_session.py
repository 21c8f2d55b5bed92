"""One connection as the client sees it: it publishes a stream to a server, or plays one of its streams."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from miso.live.errors import ParseError
from miso.live.media.amf import Value
from miso.live.rtmp.address import VIA
from miso.live.rtmp.adobe_login import ClientLogin
from miso.live.rtmp.capabilities import Capabilities, CapsEx, own_capabilities, read_capabilities
from miso.live.rtmp.chunks import ChunkLimits
from miso.live.rtmp.commands import Command, make_command, read_command
from miso.live.rtmp.handshake import ClientHandshake
from miso.live.rtmp.messages import Message, MessageType, UserControlType, make_user_control
from miso.live.rtmp.session.events import Ended, Ending
from miso.live.rtmp.session.link import Link
from miso.live.rtmp.session.silence import LATE_S, Silence, Verdict
from miso.live.rtmp.status import Code, Level
from miso.live.rtmp.url import RtmpUrl

BUFFER_MS: Final = 1000
"""What we say that a player keeps; servers of recorded streams send ahead so much."""

_CONNECT, _RELEASE_STREAM, _FC_PUBLISH, _CREATE_STREAM, _BEGIN, _END = range(1, 7)
"""Transactions. What answers another one than we wait for is not looked at."""
_FLASH_VERSION: Final = "FMLE/3.0 (compatible; miso)"
"""Servers look for this form to tell publishers from Flash players."""
_COMMANDS: Final = frozenset((MessageType.COMMAND, MessageType.COMMAND_AMF3))
_MEDIA: Final = frozenset((MessageType.AUDIO, MessageType.VIDEO, MessageType.DATA))
_OVER: Final = frozenset((Code.UNPUBLISH_NOTIFY.value, Code.PLAY_STOP.value))
_CAPS: Final = CapsEx.MULTITRACK | CapsEx.MOD_EX | CapsEx.TIMESTAMP_NANO_OFFSET


class Purpose(Enum):
    """What a client does."""

    PUBLISH = "publish"
    PLAY = "play"


class ClientPhase(Enum):
    """How far it is.

    SHAKING: Its handshake is not done.
    CONNECTING: The server has not accepted the application.
    CREATING: The server has given no message stream.
    ASKING: The server has not said that it may publish or play.
    RUNNING: It does.
    ENDED: It is over.
    """

    SHAKING = "shaking"
    CONNECTING = "connecting"
    CREATING = "creating"
    ASKING = "asking"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """What a server may make us keep, and how long it may take.

    Attributes:
        chunks: Of what it sends.
        begin_s: From the connection's beginning until it says that we publish or play.
        silent_s: A server that we play from and that sends nothing for so long is asked whether it is there.
        gone_s: And is taken for dead after so long.
    """

    chunks: ChunkLimits = field(default_factory=ChunkLimits)
    begin_s: float = 10.0
    silent_s: float = 10.0
    gone_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Started:
    """We publish or play from now on.

    Attributes:
        capabilities: The server's.
    """

    capabilities: Capabilities


@dataclass(frozen=True, slots=True)
class Paused:
    """What we play has no publisher any more; it may come back."""


@dataclass(frozen=True, slots=True)
class Challenged:
    """The last event: the server wants to know who we are; a new connection with the same login will tell it."""


ClientEvent: TypeAlias = "Message | Started | Paused | Challenged | Ended"


class ClientSession:
    """The client's side of a connection.

    Its owner gives it bytes and the time, sends what :meth:`take_output` returns, at the beginning and after each call,
    and calls :meth:`handle_timer` at :attr:`next_timer_s`. What is played comes as messages, their times unwrapped.

    Attributes:
        phase: How far it is.

    Args:
        url: The stream.
        purpose: What to do with it.
        limits: What the server may make us keep, and how long it may take.
        now_s: The time, in seconds; of a clock that never goes back.
        via: The ids of the servers through which the stream has come, our own the last.
        random: Gives so many bytes that nobody can guess.
        login: What the server is told of who we are, over all connections that it takes; None: nothing.
    """

    def __init__(
        self,
        url: RtmpUrl,
        purpose: Purpose,
        limits: ClientLimits,
        now_s: float,
        via: tuple[str, ...] = (),
        random: Callable[[int], bytes] = secrets.token_bytes,
        login: ClientLogin | None = None,
    ) -> None:
        self.phase = ClientPhase.SHAKING
        self._login = login
        self._url = url
        self._purpose = purpose
        self._limits = limits
        self._via = via
        handshake = ClientHandshake(random)
        self._link = Link(limits.chunks, handshake, handshake.begin())
        self._capabilities = Capabilities()
        self._stream_id = 0
        self._begin_by_s = now_s + limits.begin_s
        self._silence = Silence(now_s)

    @property
    def bytes_in(self) -> int:
        """What has come."""
        return self._link.bytes_in

    @property
    def next_timer_s(self) -> float | None:
        """When :meth:`handle_timer` is to be called; None: not at all."""
        if self.phase is ClientPhase.ENDED:
            return None
        if self.phase is not ClientPhase.RUNNING:
            return self._begin_by_s
        if self._purpose is Purpose.PUBLISH:
            return None  # a server has nothing to say to a publisher: TCP tells when it is gone
        return self._silence.due_s(self._limits.silent_s, self._limits.gone_s)

    def receive(self, data: bytes, now_s: float) -> list[ClientEvent]:
        """Takes what has come."""
        events: list[ClientEvent] = []
        if self._is_over():
            return events
        self._silence.heard(now_s)
        try:
            messages = self._link.receive(data)
            if self.phase is ClientPhase.SHAKING and self._link.has_shaken:
                self._connect()
            for message in messages:
                if not self._is_over():
                    self._handle(message, events)
        except ParseError as error:
            self._end(Ending.PROTOCOL, str(error), events)
            return events
        if self._link.take_stream_eof() and self.phase is ClientPhase.RUNNING:
            events.append(Paused())
        return events

    def handle_timer(self, now_s: float) -> list[ClientEvent]:
        """Does what the time demands; nothing if it is too early."""
        events: list[ClientEvent] = []
        due_s = self.next_timer_s
        if due_s is None or now_s < due_s:
            return events
        limits = self._limits
        if self.phase is not ClientPhase.RUNNING:
            if now_s > due_s + LATE_S:
                self._begin_by_s = now_s + LATE_S  # its answer may wait to be read
            else:
                self._end(Ending.TIMEOUT, f"{self.phase.value} took longer than {limits.begin_s:g} s", events)
            return events
        verdict = self._silence.look(limits.silent_s, limits.gone_s, now_s)
        if verdict is Verdict.ASK:
            self._link.ping(now_s)
        elif verdict is Verdict.GONE:
            self._end(Ending.TIMEOUT, f"nothing came for {limits.gone_s:g} s", events)
        return events

    def take_output(self) -> bytes:
        """What is to be sent; it is not kept."""
        return self._link.take_output()

    def send(self, type_id: MessageType, timestamp_ms: int, body: bytes) -> None:
        """Publishes sound, a picture, or data; only while it runs.

        Args:
            type_id: Which of them.
            timestamp_ms: Its time, of which the lowest 32 bits are sent.
            body: As in an FLV tag.
        """
        assert self.phase is ClientPhase.RUNNING, self.phase
        self._link.send(Message(type_id, timestamp_ms, body, self._stream_id))

    def say_goodbye(self) -> None:
        """Tells the server that we publish or play no more; the connection may be closed behind it."""
        if self.phase is ClientPhase.RUNNING:
            if self._purpose is Purpose.PUBLISH:
                self._say("FCUnpublish", _END, None, self._url.name)
            self._say("deleteStream", 0, None, self._stream_id)
        self.phase = ClientPhase.ENDED

    def _handle(self, message: Message, events: list[ClientEvent]) -> None:
        if message.type_id in _COMMANDS:
            self._handle_command(read_command(message), events)
        elif message.type_id in _MEDIA and self._is_playing():
            events.append(message)
        elif message.type_id == MessageType.DATA_AMF3 and self._is_playing():  # one byte before what is AMF0
            events.append(Message(MessageType.DATA, message.timestamp_ms, message.body[1:], message.stream_id))

    def _is_over(self) -> bool:
        return self.phase is ClientPhase.ENDED

    def _is_playing(self) -> bool:
        return self.phase is ClientPhase.RUNNING and self._purpose is Purpose.PLAY

    def _handle_command(self, command: Command, events: list[ClientEvent]) -> None:
        if command.name == "_result":
            self._take_result(command)
        elif command.name == "_error" and command.transaction in (_CONNECT, _CREATE_STREAM):
            if self.phase is ClientPhase.CONNECTING and self._answers(command):
                self.phase = ClientPhase.ENDED
                events.append(Challenged())
            else:
                self._refused(command, events)
        elif command.name == "onStatus":
            self._take_status(command, events)
        elif command.name == "close":
            self._end(Ending.DONE, "the server has closed the connection", events)

    def _take_result(self, command: Command) -> None:
        if command.transaction == _CONNECT and self.phase is ClientPhase.CONNECTING:
            self._capabilities = read_capabilities(command.members(1))
            self._link.enlarge_chunks()
            if self._purpose is Purpose.PUBLISH:
                self._say("releaseStream", _RELEASE_STREAM, None, self._url.name)
                self._say("FCPublish", _FC_PUBLISH, None, self._url.name)
            self._say("createStream", _CREATE_STREAM, None)
            self.phase = ClientPhase.CREATING
        elif command.transaction == _CREATE_STREAM and self.phase is ClientPhase.CREATING:
            stream_id = command.value(1)
            if isinstance(stream_id, bool) or not isinstance(stream_id, int | float) or not 0 < stream_id < 1 << 32:
                raise ParseError(f"RTMP server gave the message stream {stream_id!r:.64}, expected 1 to 2^32 - 1")
            self._stream_id = int(stream_id)
            self._ask()
            self.phase = ClientPhase.ASKING

    def _ask(self) -> None:
        if self._purpose is Purpose.PUBLISH:
            self._say("publish", _BEGIN, None, self._url.name, "live", stream_id=self._stream_id)
        else:
            self._say("play", _BEGIN, None, self._url.name, stream_id=self._stream_id)
            buffer = make_user_control(UserControlType.SET_BUFFER_LENGTH, self._stream_id, BUFFER_MS)
            self._link.send(buffer)

    def _take_status(self, command: Command, events: list[ClientEvent]) -> None:
        information = command.members(1)
        code = information.get("code")
        if information.get("level") == Level.ERROR.value:
            self._refused(command, events)
        elif self.phase is ClientPhase.ASKING and code == _STARTS[self._purpose]:
            self.phase = ClientPhase.RUNNING
            events.append(Started(self._capabilities))
        elif self._is_playing() and code in _OVER:
            self._end(Ending.DONE, f"the server says {code}", events)

    def _answers(self, command: Command) -> bool:
        """Whether the server has asked who we are, and the next connection will say it."""
        description = command.members(1).get("description")
        return self._login is not None and isinstance(description, str) and self._login.answer(description)

    def _refused(self, command: Command, events: list[ClientEvent]) -> None:
        information = command.members(1)
        words = [str(information.get(key, ""))[:256] for key in ("code", "description")]
        self._end(Ending.REFUSED, " ".join(filter(None, words)) or f"the server answers {command.name}", events)

    def _connect(self) -> None:
        suffix = "" if self._login is None else self._login.suffix
        members: dict[str, Value] = {
            "app": self._url.app + suffix,
            "flashVer": _FLASH_VERSION,
            "tcUrl": self._url.tc_url + suffix,
            **own_capabilities(_CAPS),
        }
        if self._purpose is Purpose.PUBLISH:
            members["type"] = "nonprivate"
        else:
            members.update(fpad=False, capabilities=15, audioCodecs=4071, videoCodecs=252, videoFunction=1)
        if self._via:
            members[VIA] = ",".join(self._via)
        self._say("connect", _CONNECT, members)
        self.phase = ClientPhase.CONNECTING

    def _say(self, name: str, transaction: int, *values: Value, stream_id: int = 0) -> None:
        self._link.send(make_command(name, transaction, *values, stream_id=stream_id))

    def _end(self, why: Ending, detail: str, events: list[ClientEvent]) -> None:
        self.phase = ClientPhase.ENDED
        events.append(Ended(why, detail))


_STARTS: Final = {Purpose.PUBLISH: Code.PUBLISH_START.value, Purpose.PLAY: Code.PLAY_START.value}
