"""WebRtcTransport: ICE, DTLS and SRTP on real loopback sockets, in the order that controllers see."""

from __future__ import annotations

import socket

import pytest
from pylibsrtp import Policy, Session

from miso.worker.channel.bodies.router import CreateWebRtcTransportRequest, ListenIp
from miso.worker.channel.bodies.transport import (
    ConnectRequest,
    DtlsFingerprint,
    DtlsParameters,
    NumSctpStreams,
    RestartIceResponse,
)
from miso.worker.dtls import ApplicationData, DatagramToSend, DtlsRole, DtlsState, StateChanged
from miso.worker.errors import BodyError, CommandError
from miso.worker.ice.stun import MessageClass
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from tests.worker.rtc.web_rtc_peer import WebRtcPeer, framed
from tests.worker.rtc.world import World, fields

SECOND_MS = 1_000


@pytest.fixture
def world() -> World:
    return World()


def make_transport(world: World, **options: object) -> WebRtcTransport:
    values: dict[str, object] = {"transport_id": "tr", "listen_ips": [ListenIp(ip="127.0.0.1")]} | options
    body = CreateWebRtcTransportRequest(**values)  # type: ignore[arg-type]
    return WebRtcTransport(world.context, world.tables, body.transport_id, body)


def peer_of(world: World, transport: WebRtcTransport, index: int = 0) -> WebRtcPeer:
    return WebRtcPeer(world, transport.dump(), index)


def states(world: World, event: str, field: str) -> list[object]:
    return [getattr(body, field) for name, body in world.notifier.of("tr") if name == event]


def test_a_new_transport_says_what_a_browser_needs(world: World) -> None:
    transport = make_transport(
        world,
        listen_ips=[ListenIp(ip="127.0.0.1", announced_ip="9.9.9.1"), ListenIp(ip="127.0.0.1")],
        enable_tcp=True,
        prefer_udp=True,
        enable_sctp=True,
        num_sctp_streams=NumSctpStreams(os=2048, mis=1024),
        max_sctp_message_size=1_000_000,
    )
    dump = transport.dump()
    assert [(c.protocol, c.ip, c.tcp_type, c.type) for c in dump.ice_candidates] == [
        ("udp", "9.9.9.1", None, "host"),
        ("tcp", "9.9.9.1", "passive", "host"),
        ("udp", "127.0.0.1", None, "host"),
        ("tcp", "127.0.0.1", "passive", "host"),
    ]
    priorities = [candidate.priority for candidate in dump.ice_candidates]
    assert sorted(priorities, reverse=True) == [priorities[index] for index in (0, 2, 1, 3)]
    assert dump.ice_role == "controlled"
    assert dump.ice_parameters.ice_lite
    assert len(dump.ice_parameters.username_fragment) == 32
    assert (dump.ice_state, dump.dtls_state, dump.dtls_parameters.role) == ("new", "new", "auto")
    assert dump.ice_selected_tuple is None
    assert [f.algorithm for f in dump.dtls_parameters.fingerprints] == [
        "sha-1",
        "sha-224",
        "sha-256",
        "sha-384",
        "sha-512",
    ]
    assert dump.sctp_state == "new"
    assert dump.sctp_parameters is not None
    assert dump.sctp_parameters.max_message_size == 1_000_000
    (stats,) = transport.get_stats()
    assert (stats.type, stats.ice_state, stats.dtls_state) == ("webrtc-transport", "new", "new")


@pytest.mark.parametrize("role", [DtlsRole.CLIENT, DtlsRole.SERVER, DtlsRole.AUTO])
@pytest.mark.parametrize("index", [0, 1])
def test_connects_over_udp_and_tcp_in_both_dtls_roles(world: World, index: int, role: DtlsRole) -> None:
    transport = make_transport(world, enable_tcp=True)
    peer = peer_of(world, transport, index)
    peer.connect_ice()
    assert peer.answers[-1].xor_mapped_address == peer.address
    connected = peer.connect_dtls(transport, DtlsRole.SERVER if role == DtlsRole.AUTO else role)
    assert connected.srtp_profile == 8
    assert world.notifier.names("tr") == [
        "iceselectedtuplechange",
        "icestatechange",
        "dtlsstatechange",
        "dtlsstatechange",
    ]
    assert states(world, "icestatechange", "ice_state") == ["completed"]
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "connected"]
    assert "BEGIN CERTIFICATE" in str(states(world, "dtlsstatechange", "dtls_remote_cert")[1])
    assert transport.connected
    dump = transport.dump()
    assert dump.ice_selected_tuple is not None
    assert fields(dump.ice_selected_tuple) == {
        "local_ip": "127.0.0.1",
        "local_port": peer.remote[1],
        "remote_ip": "127.0.0.1",
        "remote_port": peer.address[1],
        "protocol": "tcp" if index else "udp",
    }
    assert dump.dtls_parameters.role == ("server" if role == DtlsRole.CLIENT else "client")


def test_connects_over_ipv6(world: World) -> None:
    transport = make_transport(world, listen_ips=[ListenIp(ip="::1")], enable_tcp=True)
    for index in (0, 1):
        peer = peer_of(world, transport, index)
        peer.connect_ice()
        assert peer.answers[-1].xor_mapped_address == peer.address
    assert peer.connect_dtls(transport)


def test_rtcp_flows_both_ways_with_the_keys_of_dtls(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    keys = peer.connect_dtls(transport)
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    outbound = Session(Policy(keys.local_key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    inbound = Session(Policy(keys.remote_key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    receiver_report = bytes.fromhex("80c9000100000001")
    before = transport.plane.received.bytes
    peer.send(outbound.protect_rtcp(receiver_report))
    world.pump()
    assert transport.plane.received.bytes > before
    assert world.context.plane.counters["srtp_failed"] == 0
    transport.send_rtcp(receiver_report)
    peer.work()
    assert inbound.unprotect_rtcp(peer.media[-1]) == receiver_report


def test_the_nomination_may_come_later(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.check(use_candidate=False)
    peer.work()
    peer.check()
    peer.work()
    assert states(world, "icestatechange", "ice_state") == ["connected", "completed"]
    assert world.notifier.names("tr").count("iceselectedtuplechange") == 1


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


def test_wrong_stun_gets_no_answer(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.check(username="somebody:else")
    peer.check(username=None)
    peer.send(b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12))
    peer.send(bytes(20))
    peer.work()
    assert peer.answers == []
    peer.check(password="wrong")
    peer.work()
    assert peer.answers[-1].error_code == 401
    assert transport.dump().ice_state == "new"


def test_a_new_tuple_takes_over_when_it_is_nominated(world: World) -> None:
    transport = make_transport(world)
    first, second = peer_of(world, transport), peer_of(world, transport)
    first.connect_ice()
    second.connect_ice()
    ports = [body.remote_port for body in states(world, "iceselectedtuplechange", "ice_selected_tuple")]  # type: ignore[attr-defined]
    assert ports == [first.address[1], second.address[1]]


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


def test_what_we_send_follows_genuine_media_to_another_valid_tuple(world: World) -> None:
    transport = make_transport(world)
    first, second, stranger = (peer_of(world, transport) for _ in range(3))
    second.check(use_candidate=False)
    first.connect_ice()
    keys = first.connect_dtls(transport)
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    outbound = Session(Policy(keys.local_key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    rtp = [bytes.fromhex(f"8064000{number}0000000a000004577878") for number in (1, 2, 3)]

    def selected() -> int | None:
        tuple_ = transport.dump().ice_selected_tuple
        return tuple_.remote_port if tuple_ is not None else None

    second.send(rtp[0] + bytes(16))  # with a wrong tag
    stranger.send(outbound.protect(rtp[0]))
    world.pump()
    assert selected() == first.address[1]
    second.send(outbound.protect(rtp[1]))
    first.send(outbound.protect(rtp[2]))
    world.pump()
    assert selected() == second.address[1]
    world.clock.advance(SECOND_MS)
    first.send(outbound.protect(bytes.fromhex("806400040000000a000004587878")))
    world.pump()
    assert selected() == first.address[1]


def test_a_peer_that_sends_over_two_tuples_in_turn_is_followed_ten_times_a_second(world: World) -> None:
    transport = make_transport(world)
    first, second = peer_of(world, transport), peer_of(world, transport)
    second.check(use_candidate=False)
    first.connect_ice()
    keys = first.connect_dtls(transport)
    outbound = Session(
        Policy(keys.local_key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    )
    world.clock.advance(SECOND_MS)
    before = len(states(world, "iceselectedtuplechange", "ice_selected_tuple"))
    for number in range(200):
        packet = bytes.fromhex("806400010000000a") + number.to_bytes(4, "big") + b"xx"
        (second, first)[number % 2].send(outbound.protect(packet))
        world.sockets.pump()
        world.clock.advance(5)
    followed = len(states(world, "iceselectedtuplechange", "ice_selected_tuple")) - before
    assert 5 <= followed <= 11


def test_what_looks_like_dtls_moves_nothing_from_another_valid_tuple(world: World) -> None:
    transport = make_transport(world)
    first, second = peer_of(world, transport), peer_of(world, transport)
    second.check(use_candidate=False)
    first.connect_ice()
    first.connect_dtls(transport)
    world.clock.advance(SECOND_MS)
    second.send(b"\x17\xfe\xfd" + bytes(60))
    world.pump()
    ports = [body.remote_port for body in states(world, "iceselectedtuplechange", "ice_selected_tuple")]  # type: ignore[attr-defined]
    assert ports[-1] == first.address[1]
    for event in first.dtls.send(b"\x13\x88\x13\x88" + bytes(8)):
        assert isinstance(event, DatagramToSend)
        second.send(event.data)
    world.pump()
    ports = [body.remote_port for body in states(world, "iceselectedtuplechange", "ice_selected_tuple")]  # type: ignore[attr-defined]
    assert ports[-1] == second.address[1]


def test_ice_restart_keeps_dtls_and_moves_to_the_new_tuple(world: World) -> None:
    transport = make_transport(world)
    first, second = peer_of(world, transport), peer_of(world, transport)
    first.connect_ice()
    first.connect_dtls(transport)
    response = transport.restart_ice()
    assert isinstance(response, RestartIceResponse)
    assert response.ice_parameters == transport.dump().ice_parameters
    assert response.ice_parameters.username_fragment != first.local_ufrag
    first.connect_ice()  # the old credentials, until the new ones are used
    second.adopt(transport.dump())
    second.connect_ice()
    first.check()
    answered = len(first.answers)
    first.work()
    assert len(first.answers) == answered
    assert transport.dump().dtls_state == "connected"
    transport.send_rtcp(bytes.fromhex("80c9000100000001"))
    second.work()
    assert len(second.media) == 1


def test_without_checks_the_peer_is_gone(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.connect_dtls(transport)
    world.clock.advance(20 * SECOND_MS)
    peer.connect_ice()
    world.clock.advance(29 * SECOND_MS)
    assert transport.connected
    world.clock.advance(2 * SECOND_MS)
    assert states(world, "icestatechange", "ice_state") == ["completed", "disconnected"]
    assert not transport.connected
    assert transport.dump().ice_selected_tuple is None
    peer.connect_ice()
    assert transport.connected
    assert states(world, "icestatechange", "ice_state")[-1] == "completed"


@pytest.mark.parametrize(("timeout_s", "state"), [(0, "completed"), (5, "disconnected")])
def test_the_consent_timeout_is_an_option(world: World, timeout_s: int, state: str) -> None:
    transport = make_transport(world, ice_consent_timeout=timeout_s)
    peer_of(world, transport).connect_ice()
    world.clock.advance(5 * SECOND_MS)
    assert transport.dump().ice_state == state


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
    monkeypatch.setattr("miso.worker.rtc.web_rtc.ice_sockets.MAX_UNPROVEN_CONNECTIONS", 3)
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


def test_sctp_begins_over_dtls_and_survives_what_is_no_sctp(world: World) -> None:
    transport = make_transport(
        world, enable_sctp=True, num_sctp_streams=NumSctpStreams(os=8, mis=8), max_sctp_message_size=1000
    )
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.connect_dtls(transport)
    before = transport.get_stats()[0].bytes_received
    peer._apply(peer.dtls.send(b"\x13\x88\x13\x88" + bytes(8)))
    peer.work()
    assert transport.get_stats()[0].bytes_received > before
    [init] = [event.data for event in peer.dtls_events if isinstance(event, ApplicationData)]
    assert (init[:4], init[12]) == (b"\x13\x88\x13\x88", 1)
    assert transport.dump().sctp_state == "connecting"


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


def test_close_says_goodbye_and_gives_everything_back(world: World) -> None:
    transport = make_transport(world, enable_tcp=True)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.connect_dtls(transport)
    transport.close()
    peer.work()
    assert peer.dtls_events[-1] == StateChanged(DtlsState.CLOSED)
    assert world.sockets.all == []
    assert world.ids == []
    assert world.clock.waiting == 0
    transport.close()


def test_an_unanswered_handshake_fails(world: World) -> None:
    transport = make_transport(world, ice_consent_timeout=0)
    peer_of(world, transport).connect_ice()
    connect(transport, "server")
    world.clock.advance(31 * SECOND_MS)
    assert states(world, "dtlsstatechange", "dtls_state") == ["connecting", "failed"]
    assert world.clock.waiting == 0


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


def test_a_port_in_use_leaves_nothing_behind(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", 0))
        port = taken.getsockname()[1]
        listen = [ListenIp(ip="127.0.0.1"), ListenIp(ip="127.0.0.2")]
        with pytest.raises(CommandError):
            make_transport(world, listen_ips=listen, port=port)
    assert world.sockets.all == []
    assert world.ids == []
    assert world.tables.transports == {}
