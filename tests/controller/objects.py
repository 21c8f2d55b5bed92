"""What tests of the objects begin with: a transport, a producer, a consumer, and a record of what they emit."""

from __future__ import annotations

from typing import Any

from miso.controller import (
    Consumer,
    Producer,
    Router,
    Transport,
    WebRtcTransport,
)
from miso.controller.emitter import Emitter
from tests.controller.conftest import AUDIO


def record(emitter: Emitter, *names: str) -> list[tuple[Any, ...]]:
    """Collects what an emitter emits."""
    seen: list[tuple[Any, ...]] = []

    def listen(name: str) -> None:
        emitter.on(name, lambda *args: seen.append((name, *args)))

    for name in names:
        listen(name)
    return seen


async def transport_of(router: Router) -> WebRtcTransport:
    return await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])


async def produce(transport: Transport) -> Producer:
    return await transport.produce(kind="audio", rtp_parameters=AUDIO)


async def consume(transport: Transport, producer: Producer, router: Router, **options: Any) -> Consumer:
    return await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities, **options)
