"""WebRtcServer: many transports on one UDP and one TCP port."""

from __future__ import annotations

import socket

import pytest
from pylibsrtp import Policy, Session

from miso.worker.channel.bodies.router import CreateWebRtcTransportWithServerRequest
from miso.worker.channel.bodies.web_rtc_server import CreateWebRtcServerRequest, ListenInfo
from miso.worker.dtls.events import DtlsState, StateChanged
from miso.worker.dtls.transport import DtlsTransport
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from tests.worker.rtc.web_rtc_peer import CERTIFICATE, WebRtcPeer
from tests.worker.rtc.world import World


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


RECEIVER_REPORT = bytes.fromhex("80c9000100000001")


def join(world: World, server: WebRtcServer, name: str, **options: object) -> tuple[WebRtcTransport, WebRtcPeer]:
    """A transport and its peer over UDP, connected."""
    transport = make_transport(world, server, name, **options)
    peer = WebRtcPeer(world, transport.dump())
    peer.connect_ice()
    peer.connect_dtls(transport)
    return transport, peer


def claim(peer: WebRtcPeer, other: WebRtcTransport) -> bool:
    """A good check for another transport from the peer's address; whether it was answered."""
    credentials = other.dump().ice_parameters
    answered = len(peer.answers)
    peer.check(username=f"{credentials.username_fragment}:peer", password=credentials.password)
    peer.work()
    return len(peer.answers) > answered


def test_the_address_of_a_living_peer_cannot_be_claimed_for_another_transport(world: World) -> None:
    server = make_server(world)
    victim, peer = join(world, server, "victim")
    other = make_transport(world, server, "other")
    for _ in range(10):
        world.clock.advance(2500)
        peer.connect_ice()
        for _ in range(3):
            world.clock.advance(800)
            assert not claim(peer, other)
    assert other.dump().ice_state == "new"
    assert [entry.web_rtc_transport_id for entry in server.dump().tuple_hashes] == ["victim"]
    assert world.notifier.take("victim", "icestatechange") == [{"iceState": "completed"}]
    victim.send_rtcp(RECEIVER_REPORT)
    peer.work()
    assert len(peer.media) == 1


@pytest.mark.parametrize("sign", ["rtcp", "data"])
def test_a_peer_is_alive_by_what_it_encrypts_as_well_as_by_checks(world: World, sign: str) -> None:
    server = make_server(world)
    victim = make_transport(world, server, "victim", ice_consent_timeout=0)
    peer = WebRtcPeer(world, victim.dump())
    peer.connect_ice()
    keys = peer.connect_dtls(victim)
    session = Session(
        Policy(keys.local_key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    )
    other = make_transport(world, server, "other")
    for _ in range(5):
        world.clock.advance(4000)
        if sign == "rtcp":
            peer.send(session.protect_rtcp(RECEIVER_REPORT))
        else:
            peer._apply(peer.dtls.send(b"\x13\x88\x13\x88" + bytes(8)))
        world.pump()
        assert not claim(peer, other)
    for _ in range(3):  # what anybody could send is no sign of life
        world.clock.advance(4000)
        peer.send(b"\x80\xc9" + bytes(60))
        peer.send(b"\x17\xfe\xfd" + bytes(60))
        world.pump()
    assert claim(peer, other)


def test_an_address_whose_peer_fell_silent_is_free_after_some_seconds(world: World) -> None:
    server = make_server(world)
    former, peer = join(world, server, "former")
    other = make_transport(world, server, "other")
    world.clock.advance(8000)
    assert claim(peer, other)
    assert [entry.web_rtc_transport_id for entry in server.dump().tuple_hashes] == ["other"]
    assert not former.plane.send(b"\x16")
    former_peer = WebRtcPeer(world, former.dump())
    assert former.dump().ice_state == "completed"
    world.clock.advance(10_000)
    former_peer.connect_ice()  # it had only moved
    assert former.plane.send(b"\x16")
    world.clock.advance(29_000)
    assert former.dump().ice_state == "completed"
    world.clock.advance(2000)
    assert former.dump().ice_state == "disconnected"


def test_a_peer_whose_address_another_took_is_gone_when_its_consent_ends(world: World) -> None:
    server = make_server(world)
    former, peer = join(world, server, "former")
    other = make_transport(world, server, "other")
    world.clock.advance(8000)
    assert claim(peer, other)
    world.clock.advance(21_000)
    assert former.dump().ice_state == "completed"
    world.clock.advance(2000)
    assert former.dump().ice_state == "disconnected"


@pytest.mark.parametrize("end", ["goodbye", "close"])
def test_an_address_whose_peer_has_ended_is_free_at_once(world: World, end: str) -> None:
    server = make_server(world)
    former, peer = join(world, server, "former")
    other = make_transport(world, server, "other")
    if end == "goodbye":
        peer._apply(peer.dtls.close())
        peer.work()
    else:
        former.close()
    assert claim(peer, other)
    peer.dtls = DtlsTransport(CERTIFICATE)
    peer.dtls_events.clear()
    peer.adopt(other.dump())
    peer.connect_dtls(other)
    assert other.connected


def test_an_address_that_is_claimed_in_advance_is_free_when_no_handshake_follows(world: World) -> None:
    server = make_server(world)
    other, mine = make_transport(world, server, "other"), make_transport(world, server, "mine")
    peer = WebRtcPeer(world, mine.dump())
    assert claim(peer, other)
    for _ in range(4):
        world.clock.advance(1500)
        assert claim(peer, other)
        assert not claim(peer, mine)
    world.clock.advance(1500)
    assert claim(peer, mine)
    peer.connect_dtls(mine)
    assert not claim(peer, other)


def test_refused_claims_are_told_once_a_second(world: World, caplog: pytest.LogCaptureFixture) -> None:
    server = make_server(world)
    _, peer = join(world, server, "victim")
    other = make_transport(world, server, "other")
    world.clock.advance(2000)
    for _ in range(20):
        claim(peer, other)
    world.clock.advance(1000)
    claim(peer, other)
    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(told) == 2
    assert told[1].startswith("21 checks refused webRtcServer=server: ")
    assert "transport=victim" in told[1]


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
