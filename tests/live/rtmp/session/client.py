"""A client whose every byte a test decides."""

from __future__ import annotations

from miso.live.media.amf import Value
from miso.live.rtmp.chunks import ChunkReader, ChunkWriter
from miso.live.rtmp.commands import Command, make_command, read_command
from miso.live.rtmp.handshake import PACKET_BYTES, VERSION
from miso.live.rtmp.messages import Message, MessageType
from miso.live.rtmp.session.events import Event
from miso.live.rtmp.session.server_session import ServerSession, SessionLimits

HELLO = bytes((VERSION,)) + bytes(PACKET_BYTES)
GOODBYE = bytes(PACKET_BYTES)


class Client:
    """A session, and what the other end has heard of it."""

    def __init__(self, limits: SessionLimits | None = None) -> None:
        self.now_s = 100.0
        self.session = ServerSession(limits or SessionLimits(), self.now_s, bytes)
        self.writer = ChunkWriter()
        self._reader = ChunkReader()
        self._shaken = 0
        self.heard: list[Message] = []

    def shake(self) -> None:
        assert self.send_bytes(HELLO + GOODBYE) == []

    def send_bytes(self, data: bytes) -> list[Event]:
        events = self.session.receive(data, self.now_s)
        self.hear()
        return events

    def send(self, *messages: Message) -> list[Event]:
        return self.send_bytes(b"".join(map(self.writer.write, messages)))

    def say(self, name: str, transaction: float, *values: Value, stream_id: int = 0) -> list[Event]:
        return self.send(make_command(name, transaction, *values, stream_id=stream_id))

    def wait(self, seconds: float) -> list[Event]:
        """Time goes by; the session is called when it wants to be."""
        events: list[Event] = []
        end_s = self.now_s + seconds
        while (due_s := self.session.next_timer_s) is not None and due_s <= end_s:
            self.now_s = max(self.now_s, due_s)
            events += self.session.handle_timer(self.now_s)
            self.hear()
        self.now_s = end_s
        return events

    def stand_still(self, seconds: float) -> list[Event]:
        """Time goes by, and the session is called at its end only, before what has come meanwhile is read."""
        self.now_s += seconds
        assert (due_s := self.session.next_timer_s) is not None
        assert due_s <= self.now_s
        events = self.session.handle_timer(self.now_s)
        self.hear()
        return events

    def hear(self) -> None:
        data = self.session.take_output()
        handshake = min(len(data), 1 + 2 * PACKET_BYTES - self._shaken)
        self._shaken += handshake
        self.heard += self._reader.feed(data[handshake:])

    def commands(self) -> list[Command]:
        """What has been heard since the last time."""
        found = [read_command(message) for message in self.heard if message.type_id == MessageType.COMMAND]
        self.heard.clear()
        return found

    def codes(self) -> list[str]:
        """The codes in these."""
        return [str(command.members(1).get("code")) for command in self.commands() if command.members(1)]

    def connect(self, app: str = "live", /, **members: Value) -> list[Event]:
        self.shake()
        return self.say("connect", 1, {"app": app, "tcUrl": f"rtmp://host/{app}", **members})

    def ask(self, name: str, stream: str = "name") -> list[Event]:
        """Connects and asks to publish or play."""
        self.connect()
        self.say("createStream", 2, None)
        events = self.say(name, 3, None, stream, stream_id=1)
        self.heard.clear()
        return events

    def begin(self, name: str) -> None:
        """Publishes or plays."""
        self.ask(name)
        assert self.session.accept(self.now_s) == []
        self.hear()
        self.heard.clear()
