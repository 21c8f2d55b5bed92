"""A worker process and aiortc's ICE and DTLS transports: the path as a real client walks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from miso.controller import Router, WebRtcTransport, Worker
from tests.interop.aiortc_peer import AiortcPeer
from tests.patience import PATIENCE_S


async def until(condition: Callable[[], bool], emitter: WebRtcTransport, event: str) -> None:
    """Waits for an event after which the condition holds."""
    happened = asyncio.Event()
    emitter.on(event, lambda *_: happened.set())
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            happened.clear()
            await happened.wait()


@pytest.mark.parametrize(
    ("role", "shared_port", "ip"),
    [("client", False, "127.0.0.1"), ("server", True, "127.0.0.1"), ("server", False, "::1"), ("client", True, "::1")],
)
async def test_connects_in_both_dtls_roles(
    worker: Worker, router: Router, role: str, shared_port: bool, ip: str
) -> None:
    if shared_port:
        server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": ip}])
        transport = await router.create_web_rtc_transport(web_rtc_server=server)
    else:
        transport = await router.create_web_rtc_transport(listen_ips=[ip], enable_tcp=True)
    ice_states: list[str] = []
    transport.on("icestatechange", ice_states.append)
    dtls_states: list[str] = []
    transport.on("dtlsstatechange", dtls_states.append)
    peer = AiortcPeer(transport)
    async with asyncio.timeout(PATIENCE_S):
        await peer.connect(role)
    assert (peer.ice.state, peer.dtls.state) == ("completed", "connected")
    await until(lambda: transport.dtls_state == "connected", transport, "dtlsstatechange")
    assert ice_states[-1] == "completed"
    assert dtls_states == ["connecting", "connected"]
    assert transport.dtls_remote_cert is not None
    assert "BEGIN CERTIFICATE" in transport.dtls_remote_cert
    assert transport.ice_selected_tuple is not None
    assert transport.ice_selected_tuple.protocol == "udp"
    (stats,) = await transport.get_stats()
    assert stats.bytes_received > 0
    await peer.close()
    await until(lambda: transport.dtls_state == "closed", transport, "dtlsstatechange")
    assert not worker.died


async def test_closing_the_transport_tells_aiortc(router: Router) -> None:
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    peer = AiortcPeer(transport)
    closed = asyncio.Event()
    peer.dtls.on("statechange", lambda: closed.set() if peer.dtls.state == "closed" else None)
    async with asyncio.timeout(PATIENCE_S):
        await peer.connect("client")
        transport.close()
        await closed.wait()
    await peer.close()
