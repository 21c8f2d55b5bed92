"""WebRtcServer: many transports on one UDP and one TCP port."""

from __future__ import annotations

import socket

import pytest

from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtc.world import World
from worker.channel.bodies.router import CreateWebRtcTransportWithServerRequest
from worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from worker.dtls import DtlsState, StateChanged
from worker.errors import BodyError, CommandError
from worker.rtc.web_rtc_server import WebRtcServer
from worker.rtc.web_rtc_transport import WebRtcTransport


@pytest.fixture
def world() -> World:
    return World()


def make_server(world: World, *infos: ListenInfo) -> WebRtcServer:
    listen_infos = list(infos) or [
        ListenInfo(protocol="udp", ip="127.0.0.1"),
        ListenInfo(protocol="tcp", ip="127.0.0.1"),
    ]
    return WebRtcServer(
        world.context, "server", CreateWebRtcServerRequest(web_rtc_server_id="server", listen_infos=listen_infos)
    )


def make_transport(world: World, server: WebRtcServer, name: str, **options: object) -> WebRtcTransport:
    values: dict[str, object] = {"transport_id": name, "web_rtc_server_id": server.id, "enable_tcp": True} | options
    body = CreateWebRtcTransportWithServerRequest(**values)  # type: ignore[arg-type]
    return WebRtcTransport(world.context, world.tables, name, body, server)


def test_a_new_server_dumps_its_sockets(world: World) -> None:
    server = make_server(world)
    dump = server.dump()
    assert [(one.ip, one.port) for one in dump.udp_sockets] == [("127.0.0.1", server.endpoints[0].port)]
    assert [(one.ip, one.port) for one in dump.tcp_servers] == [("127.0.0.1", server.endpoints[1].port)]
    assert (dump.web_rtc_transport_ids, dump.local_ice_username_fragments, dump.tuple_hashes) == ([], [], [])


def test_candidates_are_those_of_the_servers_sockets(world: World) -> None:
    server = make_server(
        world,
        ListenInfo(protocol="udp", ip="127.0.0.1", announced_ip="1.2.3.4"),
        ListenInfo(protocol="tcp", ip="127.0.0.1"),
    )
    both = make_transport(world, server, "both", prefer_tcp=True).dump().ice_candidates
    assert [(c.protocol, c.ip, c.port) for c in both] == [
        ("udp", "1.2.3.4", server.endpoints[0].port),
        ("tcp", "127.0.0.1", server.endpoints[1].port),
    ]
    assert both[1].priority > both[0].priority
    only_udp = make_transport(world, server, "udp", enable_tcp=False).dump().ice_candidates
    assert [candidate.protocol for candidate in only_udp] == ["udp"]
    with pytest.raises(BodyError, match="empty iceCandidates"):
        make_transport(world, server, "none", enable_udp=False, enable_tcp=False)
    assert server.dump().web_rtc_transport_ids == ["both", "udp"]


@pytest.mark.parametrize("index", [0, 1])
def test_many_transports_share_a_port(world: World, index: int) -> None:
    server = make_server(world)
    transports = [make_transport(world, server, name) for name in ("one", "two", "three")]
    peers = [WebRtcPeer(world, transport.dump(), index) for transport in transports]
    assert len({peer.remote for peer in peers}) == 1
    for peer, transport in zip(peers, transports, strict=True):
        peer.connect_ice()
        peer.connect_dtls(transport)
    assert [entry.web_rtc_transport_id for entry in server.dump().tuple_hashes] == ["one", "two", "three"]
    assert len({entry.tuple_hash for entry in server.dump().tuple_hashes}) == 3
    for peer, transport in zip(peers, transports, strict=True):
        transport.send_rtcp(bytes.fromhex("80c9000100000001"))
        peer.work()
        assert len(peer.media) == 1


def test_a_closed_transport_leaves_the_server(world: World) -> None:
    server = make_server(world)
    first, second = make_transport(world, server, "one"), make_transport(world, server, "two")
    peers = [WebRtcPeer(world, transport.dump(), 1) for transport in (first, second)]
    for peer in peers:
        peer.connect_ice()
    first.restart_ice()
    assert len(server.dump().local_ice_username_fragments) == 3
    first.close()
    dump = server.dump()
    assert dump.web_rtc_transport_ids == ["two"]
    assert [entry.web_rtc_transport_id for entry in dump.local_ice_username_fragments] == ["two"]
    assert [entry.web_rtc_transport_id for entry in dump.tuple_hashes] == ["two"]
    for peer in peers:
        peer.work()
    assert [peer.gone for peer in peers] == [True, False]
    peers[1].connect_ice()


def test_the_old_username_fragment_goes_when_the_new_one_is_used(world: World) -> None:
    server = make_server(world)
    transport = make_transport(world, server, "one")
    peer = WebRtcPeer(world, transport.dump())
    peer.connect_ice()
    old = peer.local_ufrag
    transport.restart_ice()
    peer.adopt(transport.dump())
    known = [entry.local_ice_username_fragment for entry in server.dump().local_ice_username_fragments]
    assert sorted(known) == sorted([old, peer.local_ufrag])
    peer.connect_ice()
    (entry,) = server.dump().local_ice_username_fragments
    assert entry.local_ice_username_fragment == peer.local_ufrag


def test_an_address_that_proves_itself_to_another_transport_moves_there(world: World) -> None:
    server = make_server(world)
    first, second = make_transport(world, server, "one"), make_transport(world, server, "two")
    peer = WebRtcPeer(world, first.dump(), 1)
    peer.connect_ice()
    peer.adopt(second.dump())
    peer.connect_ice()
    assert [entry.web_rtc_transport_id for entry in server.dump().tuple_hashes] == ["two"]
    assert (first.dump().ice_state, second.dump().ice_state) == ("disconnected", "completed")
    first.close()
    peer.connect_ice()
    assert not peer.gone


def test_closing_the_server_closes_its_transports(world: World) -> None:
    server = make_server(world)
    transport = make_transport(world, server, "one")
    peer = WebRtcPeer(world, transport.dump())
    peer.connect_ice()
    peer.connect_dtls(transport)
    server.close()
    peer.work()
    assert peer.dtls_events[-1] == StateChanged(DtlsState.CLOSED)
    assert transport.closed
    assert world.sockets.all == []
    assert world.ids == []
    server.close()


def test_a_port_in_use_leaves_nothing_behind(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        infos = [
            ListenInfo(protocol="tcp", ip="127.0.0.1"),
            ListenInfo(protocol="udp", ip="127.0.0.1", port=taken.getsockname()[1]),
        ]
        with pytest.raises(CommandError):
            make_server(world, *infos)
    assert world.sockets.all == []
    assert world.ids == []


def test_strangers_get_no_answer(world: World) -> None:
    server = make_server(world)
    peer = WebRtcPeer(world, make_transport(world, server, "one").dump())
    peer.check(username="nobody:peer")
    peer.check(username=None)
    peer.work()
    assert peer.answers == []
