"""An application of your own: a web server whose clients talk protoo beside its other routes, with media behind it.

    python docs/examples/rooms.py [PORT]

Each client of ``ws://HOST:PORT/rooms/NAME?peerId=ID`` (subprotocol ``protoo``) makes one transport for both directions
and hears everybody else in its room. It shows what such servers need: workers that are replaced when they die, rooms
that end with their worker, who is loud, and an end that lets clients come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from miso import (
    AudioLevelObserverVolume,
    Consumer,
    ControllerError,
    Producer,
    Router,
    WebRtcTransport,
    WorkerPool,
    create_worker,
    to_json,
)
from miso.protoo import ConnectionRequest, IncomingRequest, Peer, ProtooError, RequestError, Room, TransportClosedError
from miso.protoo.asgi import UVICORN_OPTIONS, serve

logger = logging.getLogger(__name__)

MEDIA_CODECS = [{"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2}]
SERVICE_RESTART = 1012  # WebSocket close code after which clients come back


@dataclass
class Talker:
    """What a peer has. ``peer.data`` of the peer, so its type is known wherever the peer is."""

    transport: WebRtcTransport | None = None
    capabilities: Mapping[str, object] = field(default_factory=dict)
    producers: list[Producer] = field(default_factory=list)


class AudioRoom:
    """Peers who hear each other."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.peers: Room[Talker] = Room()
        self._tasks: set[asyncio.Task[None]] = set()
        router.on("workerclose", lambda: self.peers.close(SERVICE_RESTART, "service restart"))

    async def start(self) -> None:
        """Begins to tell who is loud."""
        self._levels = await self.router.create_audio_level_observer(interval=800)
        self._levels.on("volumes", self._tell_loudest)

    def enter(self, peer: Peer[Talker]) -> None:
        """Serves a peer. No await since it was made: nothing that it says is missed."""
        peer.on("request", lambda request: self._answer(peer, request))
        peer.on("close", lambda code, reason: self._leave(peer))

    def _leave(self, peer: Peer[Talker]) -> None:
        if peer.data.transport is not None:
            peer.data.transport.close()  # and with it all that is on it, and the consumers of its producers
        self.close_if_empty()

    def close_if_empty(self) -> None:
        """Ends the room when nobody is in it."""
        if not self.peers.peers:
            self.router.close()

    async def _answer(self, peer: Peer[Talker], request: IncomingRequest) -> None:
        """What it raises is the client's answer: RequestError with its code, anything else as 500."""
        data: Any = request.data
        match request.method:
            case "capabilities":
                request.accept(to_json(self.router.rtp_capabilities))
            case "connect":
                if peer.data.transport is not None:
                    raise RequestError(409, "connected already")
                transport = await self.router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
                if peer.closed:
                    transport.close()
                    return
                peer.data.transport, peer.data.capabilities = transport, data["rtpCapabilities"]
                request.accept(
                    {
                        "id": transport.id,
                        "iceParameters": to_json(transport.ice_parameters),
                        "iceCandidates": to_json(transport.ice_candidates),
                        "dtlsParameters": to_json(transport.dtls_parameters),
                    }
                )
                for other in self.peers.peers:
                    for producer in other.data.producers:
                        self._start(self._offer(peer, producer))
            case "dtls":
                await self._transport(peer).connect(dtls_parameters=data["dtlsParameters"])
                request.accept()
            case "speak":
                producer = await self._transport(peer).produce(
                    kind="audio", rtp_parameters=data["rtpParameters"], app_data={"peerId": peer.id}
                )
                peer.data.producers.append(producer)
                request.accept({"id": producer.id})
                for other in self.peers.peers:
                    if other is not peer and other.data.transport is not None:
                        self._start(self._offer(other, producer))
                await self._levels.add_producer(producer.id)
            case _:
                raise RequestError(404, f"unknown method {request.method[:100]}")

    async def _offer(self, peer: Peer[Talker], producer: Producer) -> None:
        """Lets a peer hear a producer: paused until the peer is ready for it."""
        try:
            consumer = await self._transport(peer).consume(
                producer_id=producer.id, rtp_capabilities=peer.data.capabilities, paused=True
            )
            consumer.on("producerclose", lambda: self._tell_gone(peer, consumer))
            of_whom = producer.app_data["peerId"]
            parameters = to_json(consumer.rtp_parameters)
            await peer.request("hear", {"id": consumer.id, "peerId": of_whom, "rtpParameters": parameters})
            await consumer.resume()
        except (ControllerError, ProtooError) as error:  # somebody left meanwhile, or refused
            logger.info("%s does not hear %s: %s", peer.id, producer.id, error)

    def _tell_gone(self, peer: Peer[Talker], consumer: Consumer) -> None:
        if not peer.closed:
            peer.notify("gone", {"id": consumer.id})

    def _tell_loudest(self, volumes: list[AudioLevelObserverVolume]) -> None:
        for peer in self.peers.peers:
            peer.notify("loudest", {"peerId": volumes[0].producer.app_data["peerId"], "volume": volumes[0].volume})

    def _transport(self, peer: Peer[Talker]) -> WebRtcTransport:
        if peer.data.transport is None:
            raise RequestError(409, "not connected")
        return peer.data.transport

    def _start(self, work: Coroutine[None, None, None]) -> None:
        """Tasks are held until they end: the event loop itself does not."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Application:
    """All rooms, and the workers behind them."""

    def __init__(self, workers: int = 1) -> None:
        self.pool = WorkerPool(workers, lambda: create_worker(log_level="warn"))
        self.pool.on("died", lambda worker, error: logger.error("worker %d died, its rooms close", worker.pid))
        self.rooms: dict[str, AudioRoom] = {}
        self._entrance = asyncio.Lock()

    async def on_client(self, request: ConnectionRequest) -> None:
        """Brings a client to its room, which is made if it is not there."""
        name, peer_id = request.path.rpartition("/")[2], request.query.get("peerId")
        if not peer_id:
            request.reject(400, "peerId is missing")
            return
        async with self._entrance:  # one after the other: each room is made once
            try:
                room = self.rooms.get(name) or await self._make(name)
            except ControllerError as error:
                request.reject(503, f"no media at the moment: {error}")
                return
            try:
                transport = await request.accept()
                if room.router.closed:  # the last of the others left, or its worker died, during the handshake
                    await transport.close(SERVICE_RESTART, "come again")
                else:
                    room.enter(room.peers.create_peer(peer_id, transport, Talker(), replace=True))
            except TransportClosedError:
                logger.info("%s gave up", peer_id)
            finally:
                room.close_if_empty()

    async def _make(self, name: str) -> AudioRoom:
        router = await self.pool.pick().create_router(media_codecs=MEDIA_CODECS)
        room = AudioRoom(router)
        await room.start()
        self.rooms[name] = room
        router.observer.on("close", lambda: self.rooms.pop(name, None))
        return room

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """For Starlette: the workers live as long as the server."""
        async with self.pool:
            yield
        # The pool has closed the routers, and they the rooms, with a code that brings clients back.

    def asgi(self) -> Starlette:
        """The web application: signaling beside whatever else there is."""

        async def signaling(websocket: WebSocket) -> None:
            await serve(websocket, self.on_client)

        async def health(request: Request) -> JSONResponse:
            return JSONResponse({"rooms": {name: len(room.peers.peers) for name, room in self.rooms.items()}})

        routes = [Route("/health", health), WebSocketRoute("/rooms/{name}", signaling)]
        return Starlette(routes=routes, lifespan=self.lifespan)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    uvicorn.run(Application().asgi(), port=port, **UVICORN_OPTIONS)
