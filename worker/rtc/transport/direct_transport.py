"""A transport without a network: RTP, RTCP and messages of the application itself, by payload channel."""

from __future__ import annotations

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreateDirectTransportRequest
from miso.worker.channel.bodies.transport import ConnectRequest, ConnectResponse, TransportDump, TransportStats
from miso.worker.channel.commands import handles
from miso.worker.rtc.context import Context
from miso.worker.rtc.deliver import deliver
from miso.worker.rtc.router_tables import RouterTables
from miso.worker.rtc.transport.transport import Transport

_MAX_PACKET = 1600  # bytes; the reference drops larger ones too


class DirectTransport(Transport):
    """Always connected, never encrypted."""

    is_direct = True

    def __init__(
        self, context: Context, tables: RouterTables, transport_id: str, body: CreateDirectTransportRequest
    ) -> None:
        super().__init__(context, tables, transport_id, None, encrypted=False, max_message_size=body.max_message_size)
        self.on_connected()

    @handles(commands.TRANSPORT_DUMP)
    def dump(self) -> TransportDump:
        """All about it."""
        return self.base_dump()

    @handles(commands.TRANSPORT_GET_STATS)
    def get_stats(self) -> list[TransportStats]:
        """What went in and out."""
        return [self.base_stats("direct-transport")]

    @handles(commands.TRANSPORT_CONNECT)
    def connect(self, body: ConnectRequest) -> ConnectResponse:
        """There is nothing to connect to: it always is."""
        return ConnectResponse()

    @handles(commands.TRANSPORT_SEND_RTCP)
    def send_application_rtcp(self, payload: bytes) -> None:
        """RTCP of the application, as if a peer had sent it."""
        if len(payload) <= _MAX_PACKET:
            now_us = self.context.scheduler.now_us()
            self.count_received(len(payload))
            deliver(self.plane.receive_rtcp(payload, now_us), now_us)

    def receive_direct(self, packet: bytes) -> None:
        """RTP of the application, as if a peer had sent it."""
        if len(packet) <= _MAX_PACKET:
            now_us = self.context.scheduler.now_us()
            self.count_received(len(packet))
            deliver(self.plane.receive(packet, now_us), now_us)

    def on_rtcp_delivered(self, packet: bytes) -> None:
        """The plane has written it."""
        self.send_rtcp(packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Gives our RTCP to the application."""
        if self.connected:
            self.count_sent(len(packet))
            self.context.notifier.notify_with_payload(self.id, "rtcp", None, packet)
