"""ICE over TCP: connections that end, that wait for a check, that are too many."""

from __future__ import annotations

import socket

import pytest

from miso.worker.ice.stun import MessageClass
from tests.worker.rtc.web_rtc.transports import make_transport, peer_of, states
from tests.worker.rtc.web_rtc_peer import framed
from tests.worker.rtc.world import World

SECOND_MS = 1_000


def test_a_closed_tcp_connection_disconnects(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peer = peer_of(world, transport)
    peer.connect_ice()
    sockets = len(world.sockets.all)
    peer.close()
    world.pump()
    assert states(world, "icestatechange", "ice_state") == ["completed", "disconnected"]
    assert len(world.sockets.all) == sockets - 1


def test_a_connection_that_does_not_speak_the_framing_is_closed(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peer = peer_of(world, transport)
    peer.socket.send(b"\xff\xff" + b"GET / HTTP/1.1\r\n\r\n")
    peer.work()
    assert peer.gone
    assert len(world.sockets.all) == 1


@pytest.mark.parametrize(("end", "state"), [(b"", "disconnected"), (b"\xff\xff", "new")])
def test_a_check_in_the_last_breath_of_a_connection_leaves_no_tuple(world: World, end: bytes, state: str) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peer = peer_of(world, transport)
    peer.check()
    peer.socket.send(end)
    peer.close()
    world.pump()
    assert transport.dump().ice_state == state
    assert transport.dump().ice_selected_tuple is None
    assert len(world.sockets.all) == 1


def test_datagrams_over_tcp_may_come_in_pieces(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peer = peer_of(world, transport)
    sent: list[bytes] = []
    peer.send = sent.append  # type: ignore[method-assign, assignment]
    peer.check()
    for byte in framed(sent[0]):
        peer.socket.send(bytes((byte,)))
        world.pump()
    peer.work()
    assert peer.answers[-1].message_class == MessageClass.SUCCESS_RESPONSE


def test_unproven_tcp_connections_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miso.worker.rtc.web_rtc.ice_tcp.MAX_UNPROVEN_CONNECTIONS", 3)
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    proven = peer_of(world, transport)
    proven.connect_ice()
    idle = [peer_of(world, transport) for _ in range(5)]
    for peer in idle:
        peer.work()
    for peer in idle:
        peer.work()
    assert [peer.gone for peer in idle] == [True, True, False, False, False]
    proven.connect_ice()


def test_many_silent_connections_of_one_address_do_not_keep_others_out(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    early = peer_of(world, transport)
    world.pump()
    silent: list[socket.socket] = []
    for number in range(400):
        silent.append(socket.create_connection(early.remote, source_address=("127.0.0.2", 0)))
        if number == 200:
            middle = peer_of(world, transport)
        if number % 50 == 49:
            world.pump()
    late = peer_of(world, transport)
    world.pump()
    assert len(world.sockets.all) <= 1 + 128
    for peer in (early, middle, late):
        peer.connect_ice()
    for sock in silent:
        sock.close()


def test_a_transport_keeps_eight_connections(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peers = [peer_of(world, transport) for _ in range(12)]
    for peer in peers:
        peer.check(use_candidate=False)
        peer.work()
    for peer in peers:
        peer.work()
    assert [peer.gone for peer in peers] == [False, *[True] * 4, *[False] * 7]  # the first is selected
    assert len(world.sockets.all) == 1 + 8


def test_an_unproven_tcp_connection_is_closed_after_a_while(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    proven, idle = peer_of(world, transport), peer_of(world, transport)
    proven.connect_ice()
    idle.check(password="wrong")
    idle.work()
    world.clock.advance(11 * SECOND_MS)
    for peer in (proven, idle):
        peer.work()
    assert (proven.gone, idle.gone) == (False, True)


def test_a_tcp_connection_has_time_for_its_first_check_after_the_worker_was_stopped(world: World) -> None:
    transport = make_transport(world, enable_udp=False, enable_tcp=True)
    peer, idle = peer_of(world, transport), peer_of(world, transport)
    peer.work()
    world.clock.stand_still(30 * SECOND_MS)
    world.clock.advance(1)
    peer.connect_ice()
    world.clock.advance(11 * SECOND_MS)
    for each in (peer, idle):
        each.work()
    assert (peer.gone, idle.gone) == (False, True)
