"""protoo for Python: requests, responses and notifications between the peers of a room, over WebSocket.

It speaks with the npm packages protoo-server and protoo-client. A server::

    async def on_client(request: ConnectionRequest) -> None:
        peer = room.create_peer(request.query["peerId"], await request.accept(), data)
        peer.on("request", lambda incoming: incoming.accept({"hello": incoming.method}))

    server = WebSocketServer(on_client)
    await server.listen("127.0.0.1", 4443)

A client::

    peer = ClientPeer("ws://127.0.0.1:4443/?peerId=me")
    await peer.open()
    print(await peer.request("greet"))

For an HTTP server that also speaks protoo see :mod:`miso.protoo.asgi`.
"""

if __name__ != "miso.protoo":
    raise ImportError(f"{__name__} is imported as miso.protoo")

from miso.protoo.client import ClientOptions, ClientPeer, Retry
from miso.protoo.errors import (
    DuplicatePeerError,
    MalformedMessageError,
    ProtooError,
    RequestError,
    RequestTimeoutError,
    RoomClosedError,
    TransportClosedError,
)
from miso.protoo.handshake import ConnectionHandler, ConnectionRequest
from miso.protoo.incoming_request import IncomingRequest
from miso.protoo.message import Notification, encode
from miso.protoo.pacing.frames import FrameLimits
from miso.protoo.peer import Peer
from miso.protoo.room import Room
from miso.protoo.send_queues import QueueLimits, SendQueues
from miso.protoo.server import WebSocketServer
from miso.protoo.transport import Transport, WebSocketTransport

__all__ = [
    "ClientOptions",
    "ClientPeer",
    "ConnectionHandler",
    "ConnectionRequest",
    "DuplicatePeerError",
    "FrameLimits",
    "IncomingRequest",
    "MalformedMessageError",
    "Notification",
    "Peer",
    "ProtooError",
    "QueueLimits",
    "RequestError",
    "RequestTimeoutError",
    "Retry",
    "Room",
    "RoomClosedError",
    "SendQueues",
    "Transport",
    "TransportClosedError",
    "WebSocketServer",
    "WebSocketTransport",
    "encode",
]
