"""The plugin "rtmp": its ports, and the connections that come in there."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import ClassVar, Final

from miso.live.engine.plugin import Plugin
from miso.live.engine.services import Live
from miso.live.errors import LimitError
from miso.live.rtmp_server.connection import RtmpConnection
from miso.live.rtmp_server.context import Context
from miso.live.rtmp_server.metrics import RtmpCollector
from miso.live.rtmp_server.settings import RtmpSettings
from miso.protoo import RequestError
from miso.protoo.log_rate_limit import LogRateLimit
from miso.serving.listening import Listening, listen
from miso.serving.tls_listener import TlsListener

logger = logging.getLogger(__name__)

GOODBYE_S: Final = 2.0
"""When the server ends, its connections have so long to get what they are told."""
_TOO_MANY: Final = 429


class RtmpServer(Plugin):
    """Serves RTMP and, with a certificate, RTMPS.

    Attributes:
        port: Of RTMP, once it has started.
        rtmps_port: Of RTMPS, once it has started; None: there is no certificate.
        context: What connections share, counters among it.
    """

    name: ClassVar[str] = "rtmp"
    Settings: ClassVar[type[RtmpSettings]] = RtmpSettings

    def __init__(self, live: Live, settings: RtmpSettings) -> None:
        self.port = settings.port
        self.rtmps_port: int | None = None
        self.context = Context(live, settings)
        self._settings = settings
        self._registry = live.metrics
        self._ports = live.ports
        self._collector: RtmpCollector | None = None
        self._listening: list[Listening] = []
        self._server: asyncio.Server | None = None
        self._tls: TlsListener | None = None
        self._failed_handshakes = LogRateLimit(logger, "an RTMPS handshake failed", logging.INFO)

    async def start(self) -> None:
        """Listens.

        Raises:
            PortError: A port cannot be had.
            CertificateError: The certificate is of no use.
        """
        settings = self._settings
        self._collector = RtmpCollector(self.context)
        self._registry.register(self._collector)
        plain = self._listen(settings.port, "live.rtmp.port")
        self._server = await asyncio.get_running_loop().create_server(
            lambda: RtmpConnection(self.context, "rtmp"), sock=plain.sockets[0]
        )
        self.port = self._ports["rtmp"] = plain.port
        logger.info("RTMP on port %d", self.port)
        if settings.tls_certificate is not None and settings.tls_key is not None:
            from miso.serving.certificate_files import given

            certificate = given("live.rtmp.tls", settings.tls_certificate, settings.tls_key)
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate.chain, certificate.key)
            secured = self._listen(settings.rtmps_port, "live.rtmp.rtmps-port")
            self._tls = TlsListener(
                secured.sockets, tls, self._admit, self._failed_handshakes.count, self._make_secured
            )
            self.rtmps_port = self._ports["rtmps"] = secured.port
            logger.info("RTMPS on port %d", self.rtmps_port)

    async def stop(self) -> None:
        """Takes nobody in any more, and says goodbye to everybody."""
        collector, self._collector = self._collector, None
        if collector is not None:
            self._registry.unregister(collector)
        for scheme in ("rtmp", "rtmps"):
            self._ports.pop(scheme, None)
        server, self._server = self._server, None
        tls, self._tls = self._tls, None
        if server is not None:
            server.close()
        if tls is not None:
            tls.close()
        for listening in self._listening:
            listening.close()
        self._listening.clear()
        asked = [connection.ask_to_reconnect() for connection in self.context.connections]
        if any(asked):
            await self.context.wait_until_empty(GOODBYE_S)
        for connection in self.context.connections:
            connection.shut_down()
        await self.context.wait_until_empty(GOODBYE_S)
        for connection in self.context.connections:
            connection.abort()

    def _listen(self, port: int, setting: str) -> Listening:
        listening = listen(self._settings.host, port, setting)
        self._listening.append(listening)
        return listening

    def _admit(self, host: str) -> Callable[[], None]:
        try:
            return self.context.beginning.take(host)
        except LimitError as error:
            self.context.count_refusal(f"address={host}: {error}")
            raise RequestError(_TOO_MANY, str(error)) from error

    def _make_secured(self, give_back: Callable[[], None]) -> RtmpConnection:
        return RtmpConnection(self.context, "rtmps", give_back)
