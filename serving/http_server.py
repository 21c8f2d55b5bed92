"""One uvicorn on one port, in our event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from miso.protoo.asgi import UVICORN_OPTIONS
from miso.serving.certificate import Certificate
from miso.serving.http_connection import INVALID_HTTP, HttpWithTimeouts
from miso.serving.listening import Listening
from miso.serving.tls_listener import TlsListener

SHUTDOWN_TIMEOUT_S = 5


class HttpServer:
    """Serves an application; signals are not its business.

    Args:
        app: The application.
        listening: The sockets.
        certificate: For HTTPS; None: plain HTTP.
        admit: See :meth:`miso.serving.http_connection.HttpWithTimeouts.admit`.
        tls_failed: Told of a TLS handshake that fails, with whose it was and why.
        keeps_upgrade: Whether a request to that path that wants to become a WebSocket stays a request, for who takes
            its connection over.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: Listening,
        certificate: Certificate | None,
        admit: Callable[[str], Callable[[], None]],
        tls_failed: Callable[[str], None],
        keeps_upgrade: Callable[[str], bool] | None = None,
    ) -> None:
        class Http(HttpWithTimeouts):
            """Asks this server's limits."""

            def _should_upgrade(self) -> bool:
                return (keeps_upgrade is None or not keeps_upgrade(self.scope["path"])) and super()._should_upgrade()

            def admit(self, host: str) -> Callable[[], None]:
                return admit(host)

        self._listening = listening
        config = uvicorn.Config(
            app,
            http=Http,
            proxy_headers=False,  # who a client is behind a proxy, is for our settings to say
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
            ssl_certfile=certificate.chain if certificate is not None else None,
            ssl_keyfile=certificate.key if certificate is not None else None,
            **UVICORN_OPTIONS,
        )
        config.load()  # reads the certificate: what is wrong with it shows now
        self._context, config.ssl = config.ssl, None  # TLS has a listener of its own
        self._admit = admit
        self._tls_failed = tls_failed
        self._server = QuietUvicorn(config)

        def make_http(give_back: Callable[[], None]) -> HttpWithTimeouts:
            http = Http(config, self._server.server_state, self._server.lifespan.state)
            http.admitted = give_back
            return http

        self._make_http = make_http
        self._tls: TlsListener | None = None
        logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serves; returns when it does."""
        plain = list(self._listening.sockets) if self._context is None else []
        self._task = asyncio.create_task(self._server.serve(sockets=plain))
        started = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._task.done():
            await self._task
        elif self._context is not None:
            self._tls = TlsListener(
                self._listening.sockets, self._context, self._admit, self._tls_failed, self._make_http
            )

    async def stop(self) -> None:
        """Ends it, after it has said goodbye to its connections."""
        if self._task is None:
            return
        if self._tls is not None:
            self._tls.close()
            self._listening.close()
        self._server.should_exit = True
        await self._task


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Uvicorn's sans-I/O WebSocket calls every handshake that we refuse with a status (503, say) an error of ours.

    What is no HTTP it tells of each time; :mod:`miso.serving.http_connection` does it once a second.
    """
    return record.msg not in (
        "ASGI callable returned without completing handshake.",
        INVALID_HTTP,
        "Unsupported upgrade request.",
    )


class QuietUvicorn(uvicorn.Server):
    """Uvicorn that leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone: uvicorn would end the process before the workers are closed."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tells when it listens."""
        await super().startup(sockets)
        self.listening.set()
