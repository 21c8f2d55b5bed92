"""What the ports serve: the page, signaling on the same address, and what operators look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from miso.demo.http.origins import Origins
from miso.demo.http.page import Page
from miso.demo.http.security import WebSecurity
from miso.demo.metrics import Metrics
from miso.demo.rooms.rooms import Rooms
from miso.demo.workers.media_workers import MediaWorkers
from miso.live.web.web import Web
from miso.protoo.asgi import serve

_OF_OPERATORS = ("/health", "/healthz", "/metrics")
"""Of rooms and live side together; what the live side alone has there is not shown here."""


def web_app(
    rooms: Rooms,
    workers: MediaWorkers,
    metrics: Metrics,
    origins: Origins,
    api: Sequence[BaseRoute],
    live: Callable[[], Web | None],
) -> ASGIApp:
    """The application, for HTTP and HTTPS alike.

    Args:
        rooms: For signaling.
        workers: The media workers.
        metrics: For ``/metrics``.
        origins: Which pages may use rooms.
        api: Further routes.
        live: What the live side serves; None: there is none. Who may use that, it says itself.
    """

    async def signaling(websocket: WebSocket) -> None:
        await serve(websocket, rooms.connect)

    async def health(request: Request) -> Response:
        running, wanted = len(workers.pool.workers), workers.wanted
        status = "ok" if running == wanted else "degraded" if running else "down"
        body = {
            "status": "draining" if rooms.draining else status,
            "workers": running,
            "workersWanted": wanted,
            "rooms": len(rooms),
            "peers": sum(len(room.sessions) for room in rooms.rooms),
            "storeAway": rooms.shared.directory.is_away,
        }
        return JSONResponse(body, 200 if running and not rooms.draining else 503, {"Cache-Control": "no-store"})

    async def show_metrics(request: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    app = Starlette(
        routes=[
            # protoo clients may use any path
            WebSocketRoute("/{path:path}", signaling),
            *(Route(path, answer) for path, answer in zip(_OF_OPERATORS, (health, health, show_metrics), strict=True)),
            *api,
            Mount("/", Page()),
        ]
    )
    of_rooms = WebSecurity(app, origins, metrics)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        web = live()
        of_live = scope["type"] in ("http", "websocket") and scope["path"] not in _OF_OPERATORS
        serves = web is not None and of_live and web.serves(scope)
        await (web if web is not None and serves else of_rooms)(scope, receive, send)

    return either
