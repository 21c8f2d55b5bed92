"""A WebRTC transport with sockets of its own, its peers, and what the controller heard of it."""

from __future__ import annotations

from miso.worker.channel.bodies.router import CreateWebRtcTransportRequest, ListenIp
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtc.world import World


def make_transport(world: World, **options: object) -> WebRtcTransport:
    values: dict[str, object] = {"transport_id": "tr", "listen_ips": [ListenIp(ip="127.0.0.1")]} | options
    body = CreateWebRtcTransportRequest(**values)  # type: ignore[arg-type]
    return WebRtcTransport(world.context, world.tables, body.transport_id, body)


def peer_of(world: World, transport: WebRtcTransport, index: int = 0) -> WebRtcPeer:
    return WebRtcPeer(world, transport.dump(), index)


def states(world: World, event: str, field: str) -> list[object]:
    return [getattr(body, field) for name, body in world.notifier.of("tr") if name == event]
