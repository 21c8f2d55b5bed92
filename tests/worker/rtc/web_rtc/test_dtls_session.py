"""DTLS of a transport: roles, fingerprints, the handshake and its end."""

from __future__ import annotations

import pytest

from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    DtlsFingerprint,
    DtlsParameters,
)
from miso.worker.dtls.events import DtlsRole, DtlsState, StateChanged
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from tests.worker.rtc.web_rtc.transports import make_transport, peer_of, states
from tests.worker.rtc.world import World

SECOND_MS = 1_000


def test_a_client_hello_from_an_unproven_address_is_ignored(world: World) -> None:
    transport = make_transport(world)
    good, stranger = peer_of(world, transport), peer_of(world, transport)
    good.connect_ice()
    before = transport.plane.sent.bytes
    stranger.dtls.set_remote_fingerprint(transport.context.certificate.fingerprints[2])
    stranger._apply(stranger.dtls.start(DtlsRole.CLIENT, 0))
    stranger.work()
    assert stranger.dtls_events == [StateChanged(DtlsState.CONNECTING)]
    assert transport.plane.sent.bytes == before


@pytest.mark.parametrize("index", [0, 1])
def test_dtls_is_answered_on_the_tuple_it_came_from(world: World, index: int) -> None:
    transport = make_transport(world, enable_tcp=True)
    first, second = peer_of(world, transport), peer_of(world, transport, index)
    for peer in (first, second):
        peer.check(use_candidate=False)
        peer.work()
    assert states(world, "icestatechange", "ice_state") == ["connected"]
    second.connect_dtls(transport)
    ports = [body.remote_port for body in states(world, "iceselectedtuplechange", "ice_selected_tuple")]  # type: ignore[attr-defined]
    assert ports == [first.address[1], second.address[1]]
    assert states(world, "icestatechange", "ice_state") == ["connected"]


def test_a_wrong_fingerprint_fails(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    connect(transport, "client", value=":".join(["00"] * 32))
    peer.dtls.set_remote_fingerprint(transport.context.certificate.fingerprints[2])
    peer._apply(peer.dtls.start(DtlsRole.CLIENT, 0))
    for _ in range(4):
        peer.work()
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "failed"]
    assert not transport.connected
    assert transport.dump().dtls_state == "failed"


def test_the_goodbye_of_the_peer_disconnects(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.connect_dtls(transport)
    peer._apply(peer.dtls.close())
    peer.work()
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "connected", "closed"]
    assert not transport.connected


def test_a_handshake_waits_for_a_turn_with_time_for_it(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.dtls.set_remote_fingerprint(transport.context.certificate.fingerprints[2])
    peer._apply(peer.dtls.start(DtlsRole.CLIENT, 0))
    before = transport.plane.sent.bytes
    world.sockets.pump()
    assert transport.plane.sent.bytes == before
    world.clock.settle()
    assert transport.plane.sent.bytes > before


def test_datagrams_that_too_many_wait_before_are_lost_and_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    for _ in range(40):
        peer.send(bytes((22, 254, 253)) + bytes(50))
        world.sockets.pump()
    assert "1 DTLS datagrams of a handshake too many" in caplog.text
    world.clock.settle()
    peer.connect_dtls(transport)
    assert transport.connected


def test_a_transport_may_close_while_its_handshake_waits(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer._apply(peer.dtls.start(DtlsRole.CLIENT, 0))
    world.sockets.pump()
    transport.close()
    world.clock.settle()
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting"]


def test_an_unanswered_handshake_fails(world: World) -> None:
    transport = make_transport(world, ice_consent_timeout=0)
    peer_of(world, transport).connect_ice()
    connect(transport, "server")
    world.clock.advance(31 * SECOND_MS)
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "failed"]
    assert world.clock.waiting == 0


def test_a_handshake_goes_on_after_the_worker_was_stopped(world: World) -> None:
    transport = make_transport(world, ice_consent_timeout=0)
    peer_of(world, transport).connect_ice()
    connect(transport, "server")
    world.clock.advance(5 * SECOND_MS)
    world.clock.stand_still(60 * SECOND_MS)
    world.clock.advance(25 * SECOND_MS)
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting"]
    world.clock.advance(6 * SECOND_MS)
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "failed"]


def connect(transport: WebRtcTransport, role: str, algorithm: str = "sha-256", value: str = "AB") -> str | None:
    parameters = DtlsParameters(
        role=role,  # type: ignore[arg-type]
        fingerprints=[DtlsFingerprint(algorithm=algorithm, value=value)],
    )
    return transport.connect(ConnectRequest(dtls_parameters=parameters)).dtls_local_role


@pytest.mark.parametrize(("remote", "local"), [("client", "server"), ("server", "client"), ("auto", "client")])
def test_connect_answers_with_the_role_that_is_left(world: World, remote: str, local: str) -> None:
    transport = make_transport(world)
    assert connect(transport, remote) == local
    assert transport.dump().dtls_parameters.role == local
    with pytest.raises(CommandError, match="already called"):
        connect(transport, remote)


def test_connect_refuses_what_it_cannot_use(world: World) -> None:
    transport = make_transport(world)
    with pytest.raises(BodyError, match="algorithm"):
        connect(transport, "client", algorithm="md5")
    with pytest.raises(BodyError, match="missing dtlsParameters"):
        transport.connect(ConnectRequest())
    assert connect(transport, "client", algorithm="SHA-512") == "server"
