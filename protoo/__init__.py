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

For an HTTP server that also speaks protoo see :mod:`protoo.asgi`.
"""

from protoo.client import ClientOptions, ClientPeer, Retry
from protoo.errors import (
    DuplicatePeerError,
    MalformedMessageError,
    ProtooError,
    RequestError,
    RequestTimeoutError,
    RoomClosedError,
    TransportClosedError,
)
from protoo.frames import FrameLimits
from protoo.handshake import ConnectionHandler, ConnectionRequest
from protoo.incoming import IncomingRequest
from protoo.message import Notification, encode
from protoo.peer import Peer
from protoo.room import Room
from protoo.send_queues import QueueLimits, SendQueues
from protoo.server import WebSocketServer
from protoo.transport import Transport, WebSocketTransport

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
