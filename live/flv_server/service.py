"""Answers requests for FLV: who may, with which stream, and by which way."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from miso.live.access.gate import Asking
from miso.live.access.tokens import Action
from miso.live.engine.services import Live
from miso.live.errors import DeniedError, LimitError, LiveError, ParseError, RefusedError, StreamClosedError
from miso.live.flv_server.connection import FlvConnection
from miso.live.flv_server.format import FlvFormat, Framing
from miso.live.flv_server.request import FlvRequest, read_request
from miso.live.flv_server.settings import FlvSettings
from miso.live.flv_server.websocket import PlayerWebSocket
from miso.live.media.packet import Kind
from miso.live.sessions.session import EndReason, Role
from miso.live.streams.stream import Stream
from miso.live.web.credentials import challenge, credentials_of
from miso.live.web.waiting import GoneError, ServerEndsError, WaitingRequests
from miso.serving.http_connection import TAKEOVER
from miso.serving.security_headers import SECURITY_HEADERS

METHODS: Final = ("GET", "HEAD", "OPTIONS")
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "Authorization, Range",
    "Access-Control-Max-Age": "86400",
}
_HEADERS: Final = {
    **_CORS,
    "Content-Type": "video/x-flv",
    "Cache-Control": "no-cache, no-store",
    "X-Accel-Buffering": "no",  # nginx as a proxy would hold it back
}
_HEAD: Final = "".join(
    f"{name}: {value}\r\n" for name, value in ({"Connection": "close"} | _HEADERS | SECURITY_HEADERS).items()
)
_ANSWERS: Final = {
    Framing.NONE: f"HTTP/1.1 200 OK\r\n{_HEAD}\r\n".encode(),
    Framing.CHUNK: f"HTTP/1.1 200 OK\r\n{_HEAD}Transfer-Encoding: chunked\r\n\r\n".encode(),
}
_NO_CONTENT, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 204, 400, 401, 403, 404, 503


class FlvService:
    """Serves players; knows their connections.

    Attributes:
        max_received_bytes, ping_s: See :class:`FlvSettings`.

    Args:
        live: What plugins share.
        settings: The plugin's.
    """

    def __init__(self, live: Live, settings: FlvSettings) -> None:
        self.max_received_bytes = settings.max_received_bytes
        self.ping_s = settings.ping
        self._live = live
        self._connections: set[FlvConnection] = set()
        self._waiting = WaitingRequests()

    async def answer(self, request: Request) -> Response:
        """Answers a request, by HTTP or for a WebSocket. Who gets the stream, gets no response from here."""
        if request.method == "OPTIONS":
            return Response(status_code=_NO_CONTENT, headers=_CORS)
        try:
            return await self._answer(request)
        except LiveError as error:
            return _refusal(error, request)

    def left(self, connection: FlvConnection) -> None:
        """For :class:`~miso.live.flv_server.connection.Connections`."""
        self._connections.discard(connection)

    def ping(self) -> None:
        """Looks after WebSocket players."""
        for connection in list(self._connections):
            connection.ping()

    def close(self) -> None:
        """Ends all connections, and requests that wait for a stream."""
        self._waiting.end()
        for connection in list(self._connections):
            connection.close(EndReason.DONE, "the server ends")

    async def _answer(self, request: Request) -> Response:
        asked = read_request(request.scope["path"], request.query_params)
        websocket = None
        if request.headers.get("upgrade", "").lower() == "websocket":
            websocket = _websocket(request)
            if websocket.greeting is None:
                refusal = websocket.refusal
                assert refusal is not None
                return PlainTextResponse(refusal.body or b"", refusal.status_code, dict(refusal.headers.raw_items()))
        protocol = "http-flv" if websocket is None else "ws-flv"
        address = self._live.web.address_of(request)
        asking = Asking(
            Action.PLAY, asked.path, protocol, address, dict(request.query_params), *credentials_of(request)
        )
        path = await self._waiting.wait(request, self._live.gate.admit(asking))
        holder: list[FlvConnection] = []

        def kick() -> None:
            for connection in holder:
                connection.close(EndReason.KICKED)

        session = self._live.sessions.open(protocol, address, Role.PLAYER, path, kick)
        try:
            stream = await self._waiting.wait(request, self._stream(path, asked))
            if request.method == "HEAD":
                session.end(EndReason.DONE)
                return Response(headers=_HEADERS)
            if not session.ended:
                connection = FlvConnection(session, websocket, _framing(request, websocket), self)
                holder.append(connection)
                self._play(request, connection, stream, asked, websocket)
        except asyncio.CancelledError:
            session.end(EndReason.DONE)
            raise
        except (GoneError, ServerEndsError) as error:
            session.end(EndReason.DONE, str(error))
            raise
        except Exception as error:  # an edge: a request's own failure ends its session
            session.fail(error)
            if isinstance(error, LiveError):
                raise
            return PlainTextResponse("the stream cannot be sent", _UNAVAILABLE, _CORS)
        return PlainTextResponse("the session was ended", _FORBIDDEN, _CORS)

    async def _stream(self, path: str, asked: FlvRequest) -> Stream:
        """The stream once it is published, with something that is asked for.

        Raises:
            StreamClosedError: It is not, or has nothing of it.
            RefusedError: The path is of no use, or there are too many streams.
        """
        stream = self._live.streams.want(path)
        tracks = await stream.wait_for_tracks()
        kinds = {track.id.kind for track in tracks if track.id.number == asked.track}
        if not (asked.audio and Kind.AUDIO in kinds) and not (asked.video and Kind.VIDEO in kinds):
            raise StreamClosedError(f"{path} has nothing of what is asked for")
        return stream

    def _play(
        self,
        request: Request,
        connection: FlvConnection,
        stream: Stream,
        asked: FlvRequest,
        websocket: PlayerWebSocket | None,
    ) -> None:
        try:
            transport: asyncio.Transport = request.scope["extensions"][TAKEOVER](connection)
        except RuntimeError:  # it has gone meanwhile
            connection.session.end(EndReason.DONE, "gone before the stream came")
            return
        self._connections.add(connection)
        try:
            player = self._live.broadcasts.get(stream, FlvFormat(asked.track, connection.framing)).add(
                transport,
                start=asked.start,
                wants_audio=asked.audio,
                wants_video=asked.video,
                before=_ANSWERS[connection.framing] if websocket is None else websocket.greeting or b"",
                on_end=connection.ended,
            )
        except BaseException:
            transport.abort()
            raise
        connection.play(transport, player)


def _framing(request: Request, websocket: PlayerWebSocket | None) -> Framing:
    if websocket is not None:
        return Framing.MESSAGE
    return Framing.NONE if request.scope["http_version"] == "1.0" else Framing.CHUNK


def _websocket(request: Request) -> PlayerWebSocket:
    query = request.scope["query_string"]
    target = request.scope["raw_path"] + (b"?" + query if query else b"")
    return PlayerWebSocket(target, request.scope["headers"])


def _refusal(error: LiveError, request: Request) -> Response:
    status, headers = _NOT_FOUND, dict(_CORS)
    if isinstance(error, ParseError):
        status = _BAD_REQUEST
    elif isinstance(error, DeniedError):
        status = _UNAUTHORIZED if error.unauthorized else _FORBIDDEN
        if error.unauthorized:
            headers["WWW-Authenticate"] = challenge(request)
    elif isinstance(error, LimitError | ServerEndsError):
        status, headers["Retry-After"] = _UNAVAILABLE, "5"
    elif not isinstance(error, StreamClosedError | RefusedError | GoneError):
        raise error
    return PlainTextResponse(str(error), status, headers)
