"""The HTTP API by which programs such as ffmpeg and gstreamer send into rooms, and record from them.

Its paths, bodies, status codes and reasons are mediasoup-demo's (docs/signaling.md has them). A reason is in the body,
as plain text: ``TypeError: missing body.id``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from miso.controller import ControllerError, UnsupportedError, to_json
from miso.demo.broadcasters import requests
from miso.demo.broadcasters.access import UNAUTHORIZED, check_access
from miso.demo.broadcasters.messages import (
    Connect,
    ConsumeData,
    CreateBroadcaster,
    CreateTransport,
    Produce,
    ProduceData,
)
from miso.demo.broadcasters.raw_routes import RawRoute
from miso.demo.limits.per_client import TOO_LARGE
from miso.demo.metrics import Metrics
from miso.demo.rooms.requests.messages import Body
from miso.demo.rooms.room import Room
from miso.demo.rooms.rooms import Rooms
from miso.demo.settings import Settings
from miso.protoo import RequestError
from miso.serving.client_address import client_address

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 102_400
"""Of a request's JSON."""
BAD_REQUEST = 400
UNSUPPORTED_MEDIA_TYPE = 415
FAILED = 500
UNAVAILABLE = 503

BodyT = TypeVar("BodyT", bound=Body)
Answer = Callable[[Request], Awaitable[Response]]


class BroadcasterApi:
    """Answers HTTP requests. The room that a path names is made if it is not there yet."""

    def __init__(self, rooms: Rooms, settings: Settings, metrics: Metrics) -> None:
        self._rooms = rooms
        self._settings = settings
        self._metrics = metrics

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
        return [RawRoute(path, self._guarded(answer), methods=[method]) for method, path, answer in table]

    def _guarded(self, answer: Answer) -> Answer:
        """The same with access checked, and with every error told to who asked, and to nobody else."""

        async def guarded(request: Request) -> Response:
            try:
                check_access(request, self._address(request), self._settings)
                response = await answer(request)
            except RequestError as error:
                response = _refusal(error.code or FAILED, "Error", error.reason)
            except (TypeError, ValueError) as error:  # msgspec's and orjson's errors are among them
                response = _refusal(BAD_REQUEST, "TypeError", str(error))
            except UnsupportedError as error:
                response = _refusal(FAILED, "UnsupportedError", str(error))
            except ControllerError as error:
                response = _refusal(FAILED, "Error", str(error))
            except ClientDisconnect:
                response = _refusal(BAD_REQUEST, "Error", "the request ended early")
            except Exception:  # a bug of ours: the program gets its answer, the log the whole story
                logger.exception("%s of a broadcaster failed", request.method)
                response = _refusal(FAILED, "Error", "internal error")
            self._metrics.broadcaster_requests.labels(str(response.status_code)).inc()
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return guarded

    def _address(self, request: Request) -> str:
        host = request.client.host if request.client is not None else ""
        forwarded_for = ", ".join(request.headers.getlist("x-forwarded-for"))
        return client_address(host, forwarded_for, self._settings.trusted_proxies)

    async def _room(self, request: Request) -> Room:
        return await self._rooms.room_for_program(request.path_params["room_id"], self._address(request))

    async def _call(self, request: Request) -> requests.Call:
        """The broadcaster that a path names, and where it is."""
        room = await self._room(request)
        return requests.Call(room, requests.broadcaster_of(room, request.path_params["broadcaster_id"]))

    async def _capabilities(self, request: Request) -> Response:
        return JSONResponse(to_json((await self._room(request)).router.rtp_capabilities))

    async def _create(self, request: Request) -> Response:
        body = await _body(request, CreateBroadcaster)
        room = await self._room(request)
        return JSONResponse(requests.create_broadcaster(room, self._address(request), body))

    async def _show(self, request: Request) -> Response:
        return JSONResponse((await self._call(request)).broadcaster.info)

    async def _delete(self, request: Request) -> Response:
        call = await self._call(request)
        call.room.remove_broadcaster(call.broadcaster)
        return PlainTextResponse("broadcaster deleted")

    async def _create_transport(self, request: Request) -> Response:
        body = await _body(request, CreateTransport)
        return JSONResponse(await requests.create_transport(await self._call(request), body))

    async def _connect(self, request: Request) -> Response:
        body = await _body(request, Connect)
        await requests.connect(await self._call(request), request.path_params["transport_id"], body)
        return Response(media_type="application/json")

    async def _produce(self, request: Request) -> Response:
        body = await _body(request, Produce)
        call = await self._call(request)
        return JSONResponse(await requests.produce(call, request.path_params["transport_id"], body))

    async def _consume(self, request: Request) -> Response:
        call = await self._call(request)
        producer_id = request.query_params.get("producerId", "")
        return JSONResponse(await requests.consume(call, request.path_params["transport_id"], producer_id))

    async def _consume_data(self, request: Request) -> Response:
        body = await _body(request, ConsumeData)
        call = await self._call(request)
        producer_id = body.data_producer_id or request.query_params.get("dataProducerId", "")
        return JSONResponse(await requests.consume_data(call, request.path_params["transport_id"], producer_id))

    async def _produce_data(self, request: Request) -> Response:
        body = await _body(request, ProduceData)
        call = await self._call(request)
        return JSONResponse(await requests.produce_data(call, request.path_params["transport_id"], body))


async def _body(request: Request, body: type[BodyT]) -> BodyT:
    """The request's JSON; an empty one counts as ``{}``.

    Raises:
        RequestError: It is too long, or declared as something else than JSON.
        ValueError: It is no JSON object of that kind.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise RequestError(TOO_LARGE, "request entity too large")
    if not content:
        return msgspec.convert({}, body)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestError(UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    return msgspec.convert(data, body)


def _refusal(status: int, kind: str, reason: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else {}
    return PlainTextResponse(f"{kind}: {reason}", status, headers)
