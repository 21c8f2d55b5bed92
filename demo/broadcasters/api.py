"""The HTTP API by which programs such as ffmpeg and gstreamer send into rooms, and record from them.

Its paths, bodies, status codes and reasons are mediasoup-demo's (docs/signaling.md has them). A reason is in the body,
as plain text: ``TypeError: missing body.id``.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from miso.controller import to_json
from miso.demo.broadcasters import requests
from miso.demo.broadcasters.guard import Answer, Guard, read_body
from miso.demo.broadcasters.messages import (
    Connect,
    ConsumeData,
    CreateBroadcaster,
    CreateTransport,
    Produce,
    ProduceData,
)
from miso.demo.broadcasters.raw_routes import RawRoute
from miso.demo.metrics import Metrics
from miso.demo.rooms.room import Room
from miso.demo.rooms.rooms import Rooms
from miso.demo.settings import Settings


class BroadcasterApi:
    """Answers HTTP requests. The room that a path names is made if it is not there yet."""

    def __init__(self, rooms: Rooms, settings: Settings, metrics: Metrics) -> None:
        self._rooms = rooms
        self._settings = settings
        self._guard = Guard(settings, metrics)

    @property
    def routes(self) -> list[RawRoute]:
        """What there is to ask; nothing when the settings say so."""
        if self._settings.broadcasters == "off":
            return []
        room = "/rooms/{room_id}"
        broadcaster = f"{room}/broadcasters/{{broadcaster_id}}"
        transport = f"{broadcaster}/transports/{{transport_id}}"
        table: list[tuple[str, str, Answer]] = [
            ("GET", room, self._capabilities),
            ("POST", f"{room}/broadcasters", self._create),
            ("GET", broadcaster, self._show),
            ("DELETE", broadcaster, self._delete),
            ("POST", f"{broadcaster}/transports", self._create_transport),
            ("POST", f"{transport}/connect", self._connect),
            ("POST", f"{transport}/producers", self._produce),
            ("POST", f"{transport}/consume", self._consume),
            ("POST", f"{transport}/consume/data", self._consume_data),
            ("POST", f"{transport}/produce/data", self._produce_data),
        ]
        return [RawRoute(path, self._guard.guarded(answer), methods=[method]) for method, path, answer in table]

    async def _room(self, request: Request) -> Room:
        return await self._rooms.room_for_program(request.path_params["room_id"], self._guard.address(request))

    async def _call(self, request: Request) -> requests.Call:
        """The broadcaster that a path names, and where it is."""
        room = await self._room(request)
        return requests.Call(room, requests.broadcaster_of(room, request.path_params["broadcaster_id"]))

    async def _capabilities(self, request: Request) -> Response:
        return JSONResponse(to_json((await self._room(request)).router.rtp_capabilities))

    async def _create(self, request: Request) -> Response:
        body = await read_body(request, CreateBroadcaster)
        room = await self._room(request)
        return JSONResponse(requests.create_broadcaster(room, self._guard.address(request), body))

    async def _show(self, request: Request) -> Response:
        return JSONResponse((await self._call(request)).broadcaster.info)

    async def _delete(self, request: Request) -> Response:
        call = await self._call(request)
        call.room.remove_broadcaster(call.broadcaster)
        return PlainTextResponse("broadcaster deleted")

    async def _create_transport(self, request: Request) -> Response:
        body = await read_body(request, CreateTransport)
        return JSONResponse(await requests.create_transport(await self._call(request), body))

    async def _connect(self, request: Request) -> Response:
        body = await read_body(request, Connect)
        await requests.connect(await self._call(request), request.path_params["transport_id"], body)
        return Response(media_type="application/json")

    async def _produce(self, request: Request) -> Response:
        body = await read_body(request, Produce)
        call = await self._call(request)
        return JSONResponse(await requests.produce(call, request.path_params["transport_id"], body))

    async def _consume(self, request: Request) -> Response:
        call = await self._call(request)
        producer_id = request.query_params.get("producerId", "")
        return JSONResponse(await requests.consume(call, request.path_params["transport_id"], producer_id))

    async def _consume_data(self, request: Request) -> Response:
        body = await read_body(request, ConsumeData)
        call = await self._call(request)
        producer_id = body.data_producer_id or request.query_params.get("dataProducerId", "")
        return JSONResponse(await requests.consume_data(call, request.path_params["transport_id"], producer_id))

    async def _produce_data(self, request: Request) -> Response:
        body = await read_body(request, ProduceData)
        call = await self._call(request)
        return JSONResponse(await requests.produce_data(call, request.path_params["transport_id"], body))
