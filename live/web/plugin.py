"""The plugin "web": serves what other plugins have on ports of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.errors import LimitError
from miso.live.sessions.places import Places
from miso.live.web.settings import WebSettings
from miso.protoo import RequestError
from miso.protoo.log_rate_limit import LogRateLimit
from miso.serving.certificate import Certificate
from miso.serving.http_server import HttpServer
from miso.serving.listening import Listening, listen

logger = logging.getLogger(__name__)

_TOO_MANY = 429


class WebPlugin(Plugin):
    """Serves HTTP and, with a certificate, HTTPS.

    Attributes:
        port: Of HTTP, once it has started.
        https_port: Of HTTPS, once it has started; None: there is no certificate.
    """

    name: ClassVar[str] = "web"
    Settings: ClassVar[type[WebSettings]] = WebSettings

    def __init__(self, live: Live, settings: WebSettings) -> None:
        self.port = settings.port
        self.https_port: int | None = None
        self._live = live
        self._settings = settings
        self._places = Places("HTTP connections", settings.max_connections, settings.max_connections_per_address)
        self._listening: list[Listening] = []
        self._servers: list[HttpServer] = []
        self._refused = LogRateLimit(logger, "an HTTP connection was refused")
        self._failed_handshakes = LogRateLimit(logger, "TLS handshake failed", logging.INFO)

    async def start(self) -> None:
        """Listens.

        Raises:
            PortError: A port cannot be had.
            CertificateError: The certificate is of no use.
        """
        settings = self._settings
        self.port = self._live.ports["http"] = await self._serve(settings.port, "live.web.port", None)
        logger.info("live streams over HTTP on port %d", self.port)
        if settings.tls_certificate is not None and settings.tls_key is not None:
            from miso.serving.certificate_files import given

            certificate = given("live.web.tls", settings.tls_certificate, settings.tls_key)
            self.https_port = await self._serve(settings.https_port, "live.web.https-port", certificate)
            self._live.ports["https"] = self.https_port
            logger.info("live streams over HTTPS on port %d", self.https_port)

    async def stop(self) -> None:
        """Says goodbye to its connections."""
        for scheme in ("http", "https"):
            self._live.ports.pop(scheme, None)
        servers, self._servers = self._servers, []
        for server in servers:
            await server.stop()
        for listening in self._listening:
            listening.close()
        self._listening = []

    async def _serve(self, port: int, setting: str, certificate: Certificate | None) -> int:
        listening = listen(self._settings.host, port, setting)
        self._listening.append(listening)
        web = self._live.web
        server = HttpServer(web, listening, certificate, self._admit, self._failed_handshakes.count, web.keeps_upgrade)
        await server.start()
        self._servers.append(server)
        return listening.port

    def _admit(self, host: str) -> Callable[[], None]:
        try:
            return self._places.take(host)
        except LimitError as error:
            self._refused.count(f"address={host}: {error}")
            raise RequestError(_TOO_MANY, str(error)) from error
