"""A router: makes transports and observers, and shows who is connected to whom in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import (
    CloseRtpObserverRequest,
    CloseTransportRequest,
    CreateActiveSpeakerObserverRequest,
    CreateAudioLevelObserverRequest,
    CreateDirectTransportRequest,
    CreatePipeTransportRequest,
    CreatePlainTransportRequest,
    CreateWebRtcTransportRequest,
    CreateWebRtcTransportWithServerRequest,
    RouterDump,
)
from miso.worker.channel.bodies.transport import (
    PipeTransportDump,
    PlainTransportDump,
    TransportDump,
    WebRtcTransportDump,
)
from miso.worker.channel.commands import handles
from miso.worker.rtc.closing import finish
from miso.worker.rtc.context import Context
from miso.worker.rtc.observers.active_speaker_observer import ActiveSpeakerObserver
from miso.worker.rtc.observers.audio_level_observer import AudioLevelObserver
from miso.worker.rtc.router_tables import RouterTables, find
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtc.transport.pipe_transport import PipeTransport
from miso.worker.rtc.transport.plain_transport import PlainTransport
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport


class Router:
    """Forwards between the transports that it makes.

    Attributes:
        id: As the controller named it.
        tables: What lives in it.
    """

    def __init__(self, context: Context, router_id: str, servers: Mapping[str, WebRtcServer]) -> None:
        """Registers the id.

        Args:
            context: What every object of the worker is given.
            router_id: New in the worker.
            servers: The worker's WebRtcServers by id, as they come and go.

        Raises:
            CommandError: The id is taken.
        """
        self.id = router_id
        self.tables = RouterTables(router_id)
        self._closing: Iterator[None] | None = None
        self._context = context
        self._servers = servers
        context.registry.add(self, router_id, None)

    @handles(commands.ROUTER_DUMP)
    def dump(self) -> RouterDump:
        """Who lives here, and who consumes from whom."""
        tables = self.tables
        return RouterDump(
            id=self.id,
            transport_ids=list(tables.transports),
            rtp_observer_ids=list(tables.observers),
            map_producer_id_consumer_ids=tables.consumer_ids_by_producer(),
            map_consumer_id_producer_id=tables.producer_ids_by_consumer(),
            map_producer_id_observer_ids=tables.observer_ids_by_producer(),
            map_data_producer_id_data_consumer_ids=tables.data_consumer_ids_by_data_producer(),
            map_data_consumer_id_data_producer_id=tables.data_producer_ids_by_data_consumer(),
        )

    @handles(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT)
    def create_web_rtc_transport(self, body: CreateWebRtcTransportRequest) -> WebRtcTransportDump:
        """Makes a WebRtcTransport with sockets of its own."""
        return WebRtcTransport(self._context, self.tables, body.transport_id, body).dump()

    @handles(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER)
    def create_web_rtc_transport_with_server(self, body: CreateWebRtcTransportWithServerRequest) -> WebRtcTransportDump:
        """Makes a WebRtcTransport on the sockets of a WebRtcServer; raises ``CommandError`` when there is none."""
        missing = "wrong webRtcServerId (no associated WebRtcServer found)"
        server = find(self._servers, body.web_rtc_server_id, missing)
        return WebRtcTransport(self._context, self.tables, body.transport_id, body, server).dump()

    @handles(commands.ROUTER_CREATE_PLAIN_TRANSPORT)
    def create_plain_transport(self, body: CreatePlainTransportRequest) -> PlainTransportDump:
        """Makes a PlainTransport."""
        return PlainTransport(self._context, self.tables, body.transport_id, body).dump()

    @handles(commands.ROUTER_CREATE_PIPE_TRANSPORT)
    def create_pipe_transport(self, body: CreatePipeTransportRequest) -> PipeTransportDump:
        """Makes a PipeTransport."""
        return PipeTransport(self._context, self.tables, body.transport_id, body).dump()

    @handles(commands.ROUTER_CREATE_DIRECT_TRANSPORT)
    def create_direct_transport(self, body: CreateDirectTransportRequest) -> TransportDump:
        """Makes a DirectTransport."""
        return DirectTransport(self._context, self.tables, body.transport_id, body).dump()

    @handles(commands.ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER)
    def create_active_speaker_observer(self, body: CreateActiveSpeakerObserverRequest) -> None:
        """Makes an ActiveSpeakerObserver."""
        ActiveSpeakerObserver(self._context, self.tables, body.rtp_observer_id, body)

    @handles(commands.ROUTER_CREATE_AUDIO_LEVEL_OBSERVER)
    def create_audio_level_observer(self, body: CreateAudioLevelObserverRequest) -> None:
        """Makes an AudioLevelObserver."""
        AudioLevelObserver(self._context, self.tables, body.rtp_observer_id, body)

    @handles(commands.TRANSPORT_CLOSE)
    def close_transport(self, body: CloseTransportRequest) -> Iterator[None]:
        """Closes a transport and all that it carries; raises ``CommandError`` when there is none."""
        return find(self.tables.transports, body.transport_id, "Transport not found").closing()

    @handles(commands.RTP_OBSERVER_CLOSE)
    def close_rtp_observer(self, body: CloseRtpObserverRequest) -> None:
        """Closes an observer; raises ``CommandError`` when there is none."""
        find(self.tables.observers, body.rtp_observer_id, "RtpObserver not found").close()

    def closing(self) -> Iterator[None]:
        """Closes observers and transports, then the router, in steps; at each call those that are left."""
        if self._closing is None:
            self._closing = self._close()
        return self._closing

    def close(self) -> None:
        """All steps of ``closing``; idempotent."""
        finish(self.closing())

    def _close(self) -> Iterator[None]:
        yield from self.tables.closing()
        self._context.registry.remove(self.id, None)
