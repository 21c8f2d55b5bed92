"""A WebRTC server: ports that many WebRTC transports share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.types import AppData, WebRtcServerDump
from miso.worker.channel import commands
from miso.worker.channel.bodies.worker import CloseWebRtcServerRequest

if TYPE_CHECKING:
    from miso.controller.transports.web_rtc_transport import WebRtcTransport


class WebRtcServer(Entity):
    """Ports that many WebRTC transports, also of different routers of its worker, share.

    Events:
        workerclose(): Its worker closed or died, and it with it.

    Observer events: close, webrtctransporthandled(WebRtcTransport), webrtctransportunhandled(WebRtcTransport).
    """

    _KIND = "webRtcServer"

    def __init__(self, channel: Channel, path: Mapping[str, str], app_data: AppData | None) -> None:
        super().__init__(channel, path, app_data)
        self._transports: dict[str, WebRtcTransport] = {}

    @property
    def web_rtc_transports(self) -> list[WebRtcTransport]:
        """The transports that use its ports."""
        return list(self._transports.values())

    def close(self) -> None:
        """Closes it and its transports."""
        self._end(None)

    def worker_closed(self) -> None:
        """For its worker, which closed or died; the transports close with their routers."""
        self._transports.clear()
        self._end("workerclose")

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

    def _close_in_worker(self) -> None:
        self._channel.post(
            commands.WEB_RTC_SERVER_CLOSE, self._path, CloseWebRtcServerRequest(web_rtc_server_id=self.id)
        )

    def _end_children(self) -> None:
        for transport in list(self._transports.values()):
            transport.listen_server_closed()
