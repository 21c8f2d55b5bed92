"""The plugin "rooms": which streams are in which rooms, and which rooms are streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from miso.live.access.asking import Asking
from miso.live.access.tokens import Action
from miso.live.bridge.bridge import PROTOCOL, Bridge, Carrier, Direction, Route
from miso.live.bridge.from_room.audio_receiver import SoundForm
from miso.live.bridge.from_room.choice import SPEAKER
from miso.live.bridge.from_room.room_stream import RoomStream
from miso.live.bridge.from_room.room_stream import Surroundings as StreamSurroundings
from miso.live.bridge.rooms import Guest, Rooms
from miso.live.bridge.settings import PREFIX, PageUse, RoomsSettings, default_path
from miso.live.bridge.to_room.room_guest import RoomGuest
from miso.live.bridge.to_room.room_guest import Surroundings as GuestSurroundings
from miso.live.bridge.transcoding.worker_thread import TranscodingThread
from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.errors import LimitError, RefusedError, StreamClosedError
from miso.live.sessions.events import Event, EventKind
from miso.live.sessions.session import Role
from miso.live.streams.registry import check_path
from miso.live.streams.stream import State, Stream

logger = logging.getLogger(__name__)

GUEST_ID = "live:{}"
_IDLE_CHECKS_S = 1.0
_PARTS_WITH_PARTICIPANT = 3


@dataclass(frozen=True, slots=True)
class ShownStream:
    """A live stream as people are told of it.

    Attributes:
        path: Its path.
        codecs: Of its tracks, such as ``avc1`` and ``mp4a``.
    """

    path: str
    codecs: tuple[str, ...]


class RoomsPlugin(Plugin):
    """Bridges live streams and rooms. Who has rooms makes a class of its own of it, by :func:`with_rooms`."""

    name: ClassVar[str] = "rooms"
    Settings = RoomsSettings
    rooms: ClassVar[Rooms]

    def __init__(self, live: Live, settings: RoomsSettings) -> None:
        self._live = live
        self._settings = settings
        self._thread = TranscodingThread()
        self._bridges: dict[str, Bridge] = {}
        self._on_demand: dict[str, Bridge] = {}
        self._idle_since_s: dict[str, float] = {}
        self._unsubscribe: list[Callable[[], None]] = []

    def __iter__(self) -> Iterator[Bridge]:
        return iter(list(self._bridges.values()))

    async def start(self) -> None:
        """Begins with what the settings say."""
        self._unsubscribe = [self._live.events.subscribe(self._on_event)]
        if self._settings.on_demand:
            self._unsubscribe.append(self._live.streams.on_wanted(self._on_wanted))
        for one in self._settings.bring_in:
            self.bring_in(one.stream, one.room, one.display_name, lasts=True)
        for each in self._settings.publish:
            self.publish(each.room, each.who, each.stream, sound=each.sound, lasts=True)

    async def run(self) -> None:
        """Ends what was begun for players who are gone."""
        while True:
            await asyncio.sleep(_IDLE_CHECKS_S)
            now_s = self._live.clock.time()
            for path, bridge in list(self._on_demand.items()):
                if any(session.role is Role.PLAYER for session in self._live.sessions.of(path)):
                    self._idle_since_s[path] = now_s
                elif now_s - self._idle_since_s[path] > self._settings.on_demand_idle:
                    logger.info("stream=%s nobody plays the room any more", path)
                    await bridge.stop()

    async def stop(self) -> None:
        """Ends all bridges."""
        while self._unsubscribe:
            self._unsubscribe.pop()()
        await asyncio.gather(*(bridge.stop() for bridge in self))
        self._thread.close()

    @property
    def page(self) -> PageUse:
        """What people of the room page may do."""
        return self._settings.page

    @property
    def max_from_page(self) -> int:
        """How many bridges they may have."""
        return self._settings.max_from_page

    def shown(self) -> Iterator[ShownStream]:
        """The published streams, but for those of rooms: their paths name rooms that not everybody is to know."""
        of_rooms = self._paths_of_rooms()
        for stream in self._live.streams:
            if stream.state is State.PUBLISHING and not _comes_from_room(stream.path, of_rooms):
                codecs = [track.codec.value for track in stream.tracks.values() if track.codec is not None]
                yield ShownStream(stream.path, tuple(dict.fromkeys(codecs)))

    async def admit(self, path: str, address: str, token: str) -> str:
        """Asks the gate for somebody who wants to bring a stream in: everybody in the room gets to play it.

        Returns:
            The path of the stream that it gets.

        Raises:
            DeniedError: It may not play it.
            RefusedError: The path is of no use, or what is there comes from a room.
        """
        check_path(path)
        admitted = await self._live.gate.admit(Asking(Action.PLAY, path, PROTOCOL, address, {"token": token}))
        if _comes_from_room(path, self._paths_of_rooms()) or _comes_from_room(admitted, self._paths_of_rooms()):
            raise RefusedError(f"{path} comes from a room")
        return admitted

    def get(self, bridge_id: str) -> Bridge | None:
        """The bridge of that id."""
        return self._bridges.get(bridge_id)

    def bring_in(self, path: str, room_id: str, display_name: str = "", *, lasts: bool = False) -> Bridge:
        """Brings a live stream into a room.

        Args:
            path: The stream's.
            room_id: The room.
            display_name: What it is called there; empty: its path.
            lasts: Whether it stays when the stream ends, for the case that it is published again.

        Raises:
            RefusedError: It is there already, there are too many, or the path is of no use.
            StreamClosedError: Nobody publishes it, and it is not to be waited for.
        """
        check_path(path)
        if not lasts:
            self._published(path)
        route = Route(Direction.TO_ROOM, path, room_id, display_name or path, lasts)
        around = GuestSurroundings(
            self.rooms, self._thread, self._live.clock, self._live.unix_s, self._settings.b_frames
        )
        guest = Guest(GUEST_ID.format(path), route.who, path)
        return self._begin(route, lambda: RoomGuest(self._published(path), room_id, guest, around))

    def publish(
        self,
        room_id: str,
        who: str = SPEAKER,
        path: str = "",
        *,
        sound: SoundForm | None = None,
        lasts: bool = False,
    ) -> Bridge:
        """Makes a room a live stream.

        Args:
            room_id: The room.
            who: A participant's id, or ``*`` for whoever leads the conversation.
            path: The stream's; empty: ``rooms/ROOM`` or ``rooms/ROOM/WHO``.
            sound: What becomes of sound; None: what the settings say.
            lasts: Whether it goes on when the room is over, for the case that there is one again.

        Raises:
            RefusedError: It is one already, there are too many, or the path is of no use.
        """
        path = path or default_path(room_id, who)
        check_path(path)
        route = Route(Direction.FROM_ROOM, path, room_id, who, lasts)
        around = StreamSurroundings(
            self.rooms,
            self._live.streams,
            self._thread,
            self._live.clock,
            self._live.unix_s,
            self._settings.pictures,
            self._settings.key_frame_interval,
        )
        form = sound or self._settings.sound
        return self._begin(route, lambda: RoomStream(room_id, who, path, form, around))

    def _begin(self, route: Route, make: Callable[[], Carrier]) -> Bridge:
        same = (route.direction, route.stream, route.room if route.direction is Direction.TO_ROOM else "")
        for bridge in self:
            other = bridge.route
            if same == (other.direction, other.stream, other.room if other.direction is Direction.TO_ROOM else ""):
                raise RefusedError(f"{route.stream} is bridged so already: {bridge.id}")
        if len(self._bridges) >= self._settings.max_bridges:
            raise LimitError(f"there are {len(self._bridges)} bridges, more are not allowed")
        bridge = Bridge(route, make, self._live.sessions, self._live.clock)
        self._bridges[bridge.id] = bridge
        bridge.start(self._forget)
        return bridge

    def _forget(self, bridge: Bridge) -> None:
        self._bridges.pop(bridge.id, None)
        if self._on_demand.get(bridge.route.stream) is bridge:
            del self._on_demand[bridge.route.stream]
            del self._idle_since_s[bridge.route.stream]

    def _paths_of_rooms(self) -> set[str]:
        return {bridge.route.stream for bridge in self if bridge.route.direction is Direction.FROM_ROOM}

    def _published(self, path: str) -> Stream:
        stream = self._live.streams.get(path)
        if stream is None or stream.state is not State.PUBLISHING:
            raise StreamClosedError(f"{path} is not published")
        return stream

    def _on_event(self, event: Event) -> None:
        for bridge in self:
            if bridge.route.stream != event.path:
                continue
            if event.kind is EventKind.PUBLISH:
                bridge.wake()
            elif event.kind is EventKind.PLAY and isinstance(bridge.carrier, RoomStream):
                bridge.carrier.player_came()

    def _on_wanted(self, stream: Stream) -> None:
        """Somebody plays what may be a room."""
        prefix, *names = stream.path.split("/")
        if prefix != PREFIX or not 1 < 1 + len(names) <= _PARTS_WITH_PARTICIPANT or stream.path in self._on_demand:
            return
        who = names[1] if len(names) > 1 else SPEAKER
        try:
            bridge = self.publish(names[0], who, stream.path)
        except RefusedError as error:
            logger.info("stream=%s %s", stream.path, error)
            return
        self._on_demand[stream.path] = bridge
        self._idle_since_s[stream.path] = self._live.clock.time()


def _comes_from_room(path: str, of_rooms: set[str]) -> bool:
    return path.startswith(f"{PREFIX}/") or path in of_rooms


def with_rooms(rooms: Rooms) -> type[RoomsPlugin]:
    """The plugin, for these rooms."""
    return type("RoomsPlugin", (RoomsPlugin,), {"rooms": rooms})
