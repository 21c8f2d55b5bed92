"""A WebRTC server: ports that many WebRTC transports share."""

from __future__ import annotations

from collections.abc import Mapping

from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.transports.web_rtc_transport import WebRtcTransport
from miso.controller.types import AppData, WebRtcServerDump
from miso.worker.channel import commands


class WebRtcServer(Entity):
    """Ports that many WebRTC transports, also of different routers of its worker, share; its transports close with it.

    Events:
        workerclose(): Its worker closed or died, and it with it.

    Observer events: close, webrtctransporthandled(WebRtcTransport), webrtctransportunhandled(WebRtcTransport).
    """

    _KIND = "webRtcServer"
    _CLOSE = commands.WEB_RTC_SERVER_CLOSE

    def __init__(self, channel: Channel, path: Mapping[str, str], app_data: AppData | None) -> None:
        super().__init__(channel, path, app_data)
        self._transports: dict[str, WebRtcTransport] = {}

    @property
    def web_rtc_transports(self) -> list[WebRtcTransport]:
        """The transports that use its ports."""
        return list(self._transports.values())

    def closed_by(self, cause: str) -> None:
        """For its worker, which closed or died; the transports close with their routers."""
        self._transports.clear()
        super().closed_by(cause)

    async def dump(self) -> WebRtcServerDump:
        """The worker's view of it."""
        return await self._request(commands.WEB_RTC_SERVER_DUMP)

    def handle_web_rtc_transport(self, transport: WebRtcTransport) -> None:
        """For the router, which created a transport on its ports."""
        self._transports[transport.id] = transport
        transport.at_end(lambda: self._unhandle(transport))
        self.observer.emit("webrtctransporthandled", transport)

    def _unhandle(self, transport: WebRtcTransport) -> None:
        if self._transports.pop(transport.id, None) is not None:
            self.observer.emit("webrtctransportunhandled", transport)

    def _end_children(self) -> None:
        for transport in list(self._transports.values()):
            transport.closed_by("listenserverclose")
