"""The HTTP API by which programs bring live streams into rooms, and publish rooms as live streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from miso.demo.broadcasters.guard import Answer, Guard, read_body
from miso.demo.broadcasters.raw_routes import RawRoute
from miso.demo.json import Json
from miso.demo.metrics import Metrics
from miso.demo.rooms.live_streams import begun
from miso.demo.rooms.requests.messages import Body, Name
from miso.demo.settings import Settings
from miso.live.bridge.bridge import Bridge
from miso.live.bridge.from_room.audio_receiver import SoundForm
from miso.live.bridge.from_room.choice import SPEAKER
from miso.protoo import RequestError

NOT_FOUND = 404
UNAVAILABLE = 503


class BringIn(Body, frozen=True):
    """A live stream is to be in the room."""

    stream: str = ""
    display_name: Name = ""
    lasts: bool = False

    def __post_init__(self) -> None:
        if not self.stream:
            raise ValueError("missing body.stream")


class Publish(Body, frozen=True):
    """The room is to be a live stream."""

    who: Name = SPEAKER
    stream: str = ""
    sound: SoundForm | None = None
    lasts: bool = False

    def __post_init__(self) -> None:
        if not self.who:
            raise ValueError("body.who is empty")


class Bridges(Protocol):
    """What bridges rooms and live streams."""

    def __iter__(self) -> Iterator[Bridge]:
        """All that there are."""

    def get(self, bridge_id: str) -> Bridge | None:
        """The one of that id."""

    def bring_in(self, path: str, room_id: str, display_name: str = "", *, lasts: bool = False) -> Bridge:
        """Brings a live stream into a room; raises RefusedError or StreamClosedError."""

    def publish(
        self,
        room_id: str,
        who: str = SPEAKER,
        path: str = "",
        *,
        sound: SoundForm | None = None,
        lasts: bool = False,
    ) -> Bridge:
        """Makes a room a live stream; raises RefusedError."""


class LiveApi:
    """Answers HTTP requests about the live streams of rooms.

    Args:
        bridges: What bridges; None: nothing does at the moment.
    """

    def __init__(self, bridges: Callable[[], Bridges | None], settings: Settings, metrics: Metrics) -> None:
        self._bridges = bridges
        self._settings = settings
        self._guard = Guard(settings, metrics)

    @property
    def routes(self) -> list[RawRoute]:
        """What there is to ask; nothing when the settings say so."""
        if self._settings.broadcasters == "off":
            return []
        live = "/rooms/{room_id}/live"
        table: list[tuple[str, str, Answer]] = [
            ("GET", live, self._show),
            ("POST", f"{live}/streams", self._bring_in),
            ("POST", f"{live}/publications", self._publish),
            ("DELETE", f"{live}/{{bridge_id}}", self._delete),
        ]
        return [RawRoute(path, self._guard.guarded(answer), methods=[method]) for method, path, answer in table]

    async def _show(self, request: Request) -> Response:
        return JSONResponse([_shown(bridge) for bridge in self._of(request)])

    async def _bring_in(self, request: Request) -> Response:
        body = await read_body(request, BringIn)
        room_id = request.path_params["room_id"]
        return await self._begin(
            lambda bridges: bridges.bring_in(body.stream, room_id, body.display_name, lasts=body.lasts)
        )

    async def _publish(self, request: Request) -> Response:
        body = await read_body(request, Publish)
        room_id = request.path_params["room_id"]
        return await self._begin(
            lambda bridges: bridges.publish(room_id, body.who, body.stream, sound=body.sound, lasts=body.lasts)
        )

    async def _delete(self, request: Request) -> Response:
        bridge = next((one for one in self._of(request) if one.id == request.path_params["bridge_id"]), None)
        if bridge is None:
            raise RequestError(NOT_FOUND, "there is no such bridge in this room")
        await bridge.stop()
        return PlainTextResponse("bridge deleted")

    async def _begin(self, begin: Callable[[Bridges], Bridge]) -> Response:
        """Begins, and answers with what has come of it."""
        bridges = self._all()
        bridge = await begun(lambda: begin(bridges))
        return JSONResponse(_shown(bridge))

    def _of(self, request: Request) -> list[Bridge]:
        return [bridge for bridge in self._all() if bridge.route.room == request.path_params["room_id"]]

    def _all(self) -> Bridges:
        bridges = self._bridges()
        if bridges is None:
            raise RequestError(UNAVAILABLE, "live streams and rooms are not bridged (live.rooms.enabled)")
        return bridges


def _shown(bridge: Bridge) -> Json:
    route = bridge.route
    return {
        "id": bridge.id,
        "direction": route.direction.value,
        "stream": route.stream,
        "room": route.room,
        "who": route.who,
        "lasts": route.lasts,
        "state": bridge.state.value,
        "reason": bridge.reason,
        "bytes": bridge.carrier.sent_bytes if bridge.carrier is not None else 0,
    }
