"""PlainTransport: addresses told or learned, RTCP apart or muxed, SRTP."""

from __future__ import annotations

import base64
import errno
import socket

import pytest
from pylibsrtp import Policy, Session

from miso.worker.channel.bodies.router import CreatePlainTransportRequest, ListenIp
from miso.worker.channel.bodies.transport import ConnectRequest, NumSctpStreams, SrtpParameters
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.transport.plain_transport import PlainTransport
from tests.worker.rtc.world import PolledSocket, World, fields, hears_strangers, udp_peer

RECEIVER_REPORT = bytes.fromhex("80c9000100000001")
RTP = bytes.fromhex("806400010000000011223344") + bytes(20)
SIZES = {
    "AEAD_AES_256_GCM": 44,
    "AEAD_AES_128_GCM": 28,
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
}
PROFILES = {
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


@pytest.fixture
def world() -> World:
    return World()


def make_transport(world: World, **options: object) -> PlainTransport:
    values: dict[str, object] = {"transport_id": "tr", "listen_ip": ListenIp(ip="127.0.0.1")} | options
    body = CreatePlainTransportRequest(**values)  # type: ignore[arg-type]
    return PlainTransport(world.context, world.tables, "tr", body)


def port_of(transport: PlainTransport, *, rtcp: bool = False) -> tuple[str, int]:
    dump = transport.dump()
    tuple_ = dump.rtcp_tuple if rtcp else dump.tuple
    assert tuple_ is not None
    return ("127.0.0.1", tuple_.local_port)


def test_a_new_transport_tells_its_local_addresses(world: World) -> None:
    transport = make_transport(world, listen_ip=ListenIp(ip="127.0.0.1", announced_ip="4.4.4.4"), rtcp_mux=False)
    dump = transport.dump()
    assert (dump.tuple.local_ip, dump.tuple.protocol, dump.tuple.remote_ip) == ("4.4.4.4", "udp", None)
    assert dump.rtcp_tuple is not None
    assert dump.rtcp_tuple.local_ip == "4.4.4.4"
    assert dump.rtcp_tuple.local_port != dump.tuple.local_port
    assert (dump.rtcp_mux, dump.comedia, dump.srtp_parameters) == (False, False, None)
    assert (dump.max_message_size, dump.sctp_parameters) == (262_144, None)
    (stats,) = transport.get_stats()
    assert (stats.type, stats.rtcp_mux, stats.comedia, stats.rtcp_tuple) == ("plain-rtp-transport", False, False, None)


def test_the_told_address_is_the_only_one(world: World) -> None:
    transport = make_transport(world)
    peer, stranger = udp_peer(), udp_peer()
    response = transport.connect(ConnectRequest(ip="127.0.0.1", port=peer.getsockname()[1]))
    assert response.tuple is not None
    assert fields(response.tuple) == {
        "local_ip": "127.0.0.1",
        "local_port": port_of(transport)[1],
        "remote_ip": "127.0.0.1",
        "remote_port": peer.getsockname()[1],
        "protocol": "udp",
    }
    assert transport.connected
    assert world.notifier.names("tr") == []
    transport.send_rtcp(RECEIVER_REPORT)
    assert peer.recv(100) == RECEIVER_REPORT
    stranger.sendto(RECEIVER_REPORT, port_of(transport))
    world.pump()
    assert transport.plane.received.bytes == 0
    peer.sendto(RECEIVER_REPORT, port_of(transport))
    world.pump()
    assert transport.plane.received.bytes == len(RECEIVER_REPORT)


def test_rtcp_has_a_port_of_its_own_without_mux(world: World) -> None:
    transport = make_transport(world, rtcp_mux=False)
    rtp, rtcp = udp_peer(), udp_peer()
    response = transport.connect(
        ConnectRequest(ip="127.0.0.1", port=rtp.getsockname()[1], rtcp_port=rtcp.getsockname()[1])
    )
    assert response.rtcp_tuple is not None
    assert response.rtcp_tuple.remote_port == rtcp.getsockname()[1]
    transport.send_rtcp(RECEIVER_REPORT)
    data, source = rtcp.recvfrom(100)
    assert (data, source) == (RECEIVER_REPORT, port_of(transport, rtcp=True))


@pytest.mark.parametrize("first", [RTP, RECEIVER_REPORT])
def test_comedia_learns_from_the_first_packet(world: World, first: bytes) -> None:
    transport = make_transport(world, comedia=True)
    peer, stranger = udp_peer(), udp_peer()
    stranger.sendto(b"\x16\xfe\xff" + bytes(20), port_of(transport))
    stranger.sendto(b"\xff" * 40, port_of(transport))
    stranger.sendto(b"\x80", port_of(transport))
    world.pump()
    assert not transport.connected
    peer.sendto(first, port_of(transport))
    world.pump()
    assert transport.connected
    ((event, body),) = world.notifier.of("tr")
    assert event == "tuple"
    assert body.tuple.remote_port == peer.getsockname()[1]
    stranger.sendto(first, port_of(transport))
    world.pump()
    assert transport.dump().tuple.remote_port == peer.getsockname()[1]
    transport.send_rtcp(RECEIVER_REPORT)
    assert peer.recv(100) == RECEIVER_REPORT


def test_a_first_packet_connects_nobody_whose_router_closes(world: World) -> None:
    transport = make_transport(world, comedia=True)
    peer = udp_peer()
    steps = world.tables.closing()
    next(steps)
    assert transport.leaving
    assert not transport.closed
    peer.sendto(RTP, port_of(transport))
    world.pump()
    assert not transport.connected
    assert not transport.plane.connected
    assert world.notifier.of("tr") == []
    assert transport.dump().tuple.remote_ip is None
    list(steps)
    assert transport.closed


def test_nobody_whose_router_closes_is_connected_again(world: World) -> None:
    transport, peer = make_transport(world), udp_peer()
    transport.connect(ConnectRequest(ip="127.0.0.1", port=peer.getsockname()[1]))
    steps = world.tables.closing()
    next(steps)
    transport.on_connected()  # as when its peer nominates another path
    assert not transport.plane.connected
    list(steps)


@pytest.mark.parametrize("comedia", [False, True])
def test_each_port_is_connected_to_its_peer_once_that_is_known(world: World, comedia: bool) -> None:
    transport = make_transport(world, rtcp_mux=False, comedia=comedia)
    rtp, rtcp = udp_peer(), udp_peer()
    ports = [port_of(transport), port_of(transport, rtcp=True)]
    assert [hears_strangers(port) for port in ports] == [True, True]
    if comedia:
        rtcp.sendto(RECEIVER_REPORT, ports[1])
        world.pump()
        assert [hears_strangers(port) for port in ports] == [True, False]
        rtp.sendto(RTP, ports[0])
        world.pump()
    else:
        transport.connect(ConnectRequest(ip="127.0.0.1", port=rtp.getsockname()[1], rtcp_port=rtcp.getsockname()[1]))
    assert [hears_strangers(port) for port in ports] == [False, False]
    received = transport.plane.received.bytes
    for peer, port in zip((rtp, rtcp), ports, strict=True):
        peer.sendto(RECEIVER_REPORT, port)
    world.pump()
    assert transport.plane.received.bytes == received + 2 * len(RECEIVER_REPORT)


def test_comedia_without_mux_learns_each_port_by_itself(world: World) -> None:
    transport = make_transport(world, comedia=True, rtcp_mux=False)
    rtp, rtcp = udp_peer(), udp_peer()
    rtcp.sendto(RTP, port_of(transport, rtcp=True))  # RTP has nothing to say there
    world.pump()
    assert world.notifier.names("tr") == []
    rtcp.sendto(RECEIVER_REPORT, port_of(transport, rtcp=True))
    world.pump()
    rtp.sendto(RTP, port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == ["rtcptuple", "tuple"]
    (stats,) = transport.get_stats()
    assert stats.rtcp_tuple is not None
    assert stats.rtcp_tuple.remote_port == rtcp.getsockname()[1]
    assert stats.tuple is not None
    assert stats.tuple.remote_port == rtp.getsockname()[1]


@pytest.mark.parametrize("encrypted", [False, True])
def test_comedia_without_mux_takes_no_rtcp_from_another_host_unless_srtp_proves_it(
    world: World, encrypted: bool
) -> None:
    suite = {"enable_srtp": True, "srtp_crypto_suite": "AEAD_AES_256_GCM"} if encrypted else {}
    transport = make_transport(world, comedia=True, rtcp_mux=False, **suite)
    key = bytes(44)
    protect = Session(
        Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES["AEAD_AES_256_GCM"]),
    )
    if encrypted:
        parameters = SrtpParameters(crypto_suite="AEAD_AES_256_GCM", key_base64=base64.b64encode(key).decode())
        transport.connect(ConnectRequest(srtp_parameters=parameters))
    peer, peer_rtcp, other = udp_peer(), udp_peer(), udp_peer("127.0.0.2")
    peer.sendto(protect.protect(RTP) if encrypted else RTP, port_of(transport))
    world.pump()
    report = protect.protect_rtcp(RECEIVER_REPORT) if encrypted else RECEIVER_REPORT
    other.sendto(report, port_of(transport, rtcp=True))
    world.pump()
    if not encrypted:
        assert transport.get_stats()[0].rtcp_tuple is None
        peer_rtcp.sendto(report, port_of(transport, rtcp=True))
        world.pump()
    tuple_ = transport.get_stats()[0].rtcp_tuple
    assert tuple_ is not None
    assert (tuple_.remote_ip, tuple_.remote_port) == (other if encrypted else peer_rtcp).getsockname()
    for sock in (peer, peer_rtcp, other):
        sock.close()


def test_comedia_without_mux_learns_a_peer_that_sends_both_to_the_rtp_port(world: World) -> None:
    transport = make_transport(world, comedia=True, rtcp_mux=False)
    peer, late = udp_peer(), udp_peer()
    for packet in (RTP, RECEIVER_REPORT):
        peer.sendto(packet, port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == ["tuple", "rtcptuple"]
    (stats,) = transport.get_stats()
    assert stats.rtcp_tuple == stats.tuple == transport.dump().rtcp_tuple
    assert stats.tuple is not None
    assert stats.tuple.remote_port == peer.getsockname()[1]
    late.sendto(RECEIVER_REPORT, port_of(transport, rtcp=True))
    world.pump()
    assert world.notifier.names("tr") == ["tuple", "rtcptuple"]
    transport.send_rtcp(RECEIVER_REPORT)
    assert peer.recv(100) == RECEIVER_REPORT


def test_comedia_without_mux_learns_where_rtcp_goes_when_it_comes_first_to_the_rtp_port(world: World) -> None:
    transport = make_transport(world, comedia=True, rtcp_mux=False)
    rtp, rtcp, late = udp_peer(), udp_peer(), udp_peer()
    rtcp.sendto(RECEIVER_REPORT, port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == ["rtcptuple"]
    shown = transport.dump().rtcp_tuple
    assert shown is not None
    assert (shown.local_port, shown.remote_port) == (port_of(transport)[1], rtcp.getsockname()[1])
    assert transport.dump().tuple.remote_port is None
    for peer, port in ((late, port_of(transport)), (late, port_of(transport, rtcp=True)), (rtcp, port_of(transport))):
        peer.sendto(RECEIVER_REPORT, port)
    world.pump()
    assert world.notifier.names("tr") == ["rtcptuple"]
    rtp.sendto(RTP, port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == ["rtcptuple", "tuple"]
    assert transport.dump().tuple.remote_port == rtp.getsockname()[1]
    transport.send_rtcp(RECEIVER_REPORT)
    assert rtcp.recv(100) == RECEIVER_REPORT
    received = transport.get_stats()[0].bytes_received
    rtcp.sendto(RECEIVER_REPORT, port_of(transport))  # and it is still heard
    world.pump()
    assert transport.get_stats()[0].bytes_received > received


def test_comedia_learns_from_sctp_where_that_is_enabled(world: World) -> None:
    transport = make_transport(
        world, comedia=True, enable_sctp=True, num_sctp_streams=NumSctpStreams(os=8, mis=8), max_sctp_message_size=999
    )
    peer = udp_peer()
    peer.sendto(b"\x13\x88\x13\x87" + bytes(12), port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == []
    peer.sendto(b"\x13\x88\x13\x88" + bytes(12), port_of(transport))
    world.pump()
    assert world.notifier.names("tr") == ["tuple", "sctpstatechange"]


@pytest.mark.parametrize("suite", SIZES)
def test_srtp_with_each_suite(world: World, suite: str) -> None:
    transport = make_transport(world, enable_srtp=True, srtp_crypto_suite=suite, comedia=True)
    ours = transport.dump().srtp_parameters
    assert ours is not None
    assert (ours.crypto_suite, len(base64.b64decode(ours.key_base64))) == (suite, SIZES[suite])
    key = bytes(range(SIZES[suite]))
    theirs = SrtpParameters(crypto_suite=suite, key_base64=base64.b64encode(key).decode())
    response = transport.connect(ConnectRequest(srtp_parameters=theirs))
    assert response.srtp_parameters == ours
    assert response.tuple is None
    outbound = Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))
    inbound = Session(Policy(base64.b64decode(ours.key_base64), Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))
    peer, stranger = udp_peer(), udp_peer()
    stranger.sendto(RTP, port_of(transport))
    stranger.sendto(RECEIVER_REPORT + bytes(14), port_of(transport))
    world.pump()
    assert transport.dump().tuple.remote_port is None
    peer.sendto(outbound.protect(RTP), port_of(transport))
    world.pump()
    assert transport.dump().tuple.remote_port == peer.getsockname()[1]
    transport.send_rtcp(RECEIVER_REPORT)
    assert inbound.unprotect_rtcp(peer.recv(100)) == RECEIVER_REPORT


def test_the_peers_suite_counts(world: World) -> None:
    transport = make_transport(world, enable_srtp=True, srtp_crypto_suite="AES_CM_128_HMAC_SHA1_80")
    key = base64.b64encode(bytes(44)).decode()
    response = transport.connect(
        ConnectRequest(
            ip="127.0.0.1", port=9999, srtp_parameters=SrtpParameters(crypto_suite="AEAD_AES_256_GCM", key_base64=key)
        )
    )
    assert response.srtp_parameters is not None
    assert response.srtp_parameters.crypto_suite == "AEAD_AES_256_GCM"
    assert len(base64.b64decode(response.srtp_parameters.key_base64)) == 44
    assert transport.dump().srtp_parameters == response.srtp_parameters


GOOD_KEY = base64.b64encode(bytes(30)).decode()


@pytest.mark.parametrize(
    ("options", "request_", "message"),
    [
        ({}, {}, "missing ip"),
        ({}, {"ip": "127.0.0.1"}, "missing port"),
        ({}, {"ip": "localhost", "port": 1}, "invalid IP"),
        ({}, {"ip": "::1", "port": 1}, "not of the same family"),
        ({}, {"ip": "127.0.0.1", "port": 1, "rtcp_port": 2}, "cannot set rtcpPort"),
        ({"rtcp_mux": False}, {"ip": "127.0.0.1", "port": 1}, "missing rtcpPort"),
        (
            {},
            {"ip": "127.0.0.1", "port": 1, "srtp_parameters": SrtpParameters(crypto_suite="x", key_base64="")},
            "SRTP not enabled",
        ),
        ({"enable_srtp": True}, {"ip": "127.0.0.1", "port": 1}, "missing srtpParameters"),
        (
            {"enable_srtp": True},
            {"srtp_parameters": SrtpParameters(crypto_suite="FOO", key_base64=GOOD_KEY)},
            "unsupported",
        ),
        (
            {"enable_srtp": True},
            {"srtp_parameters": SrtpParameters(crypto_suite="AES_CM_128_HMAC_SHA1_80", key_base64="Zm9v")},
            "key length",
        ),
        (
            {"enable_srtp": True},
            {"srtp_parameters": SrtpParameters(crypto_suite="AES_CM_128_HMAC_SHA1_80", key_base64="=!")},
            "keyBase64",
        ),
        (
            {"enable_srtp": True},
            {"srtp_parameters": SrtpParameters(crypto_suite="AES_CM_128_HMAC_SHA1_80", key_base64=GOOD_KEY)},
            "missing ip",
        ),
    ],
)
def test_a_wrong_connect_changes_nothing(
    world: World, options: dict[str, object], request_: dict[str, object], message: str
) -> None:
    if options.get("enable_srtp"):
        options = options | {"srtp_crypto_suite": "AES_CM_128_HMAC_SHA1_80"}
    transport = make_transport(world, **options)
    before = transport.dump()
    with pytest.raises(BodyError, match=message):
        transport.connect(ConnectRequest(**request_))  # type: ignore[arg-type]
    assert transport.dump() == before
    assert not transport.connected


def test_connect_works_once(world: World) -> None:
    transport = make_transport(world, comedia=True)
    transport.connect(ConnectRequest())
    with pytest.raises(CommandError, match="already called"):
        transport.connect(ConnectRequest())


def test_creation_that_fails_leaves_nothing_behind(world: World) -> None:
    with pytest.raises(BodyError, match="missing srtpCryptoSuite"):
        make_transport(world, enable_srtp=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(CommandError):
            make_transport(world, port=taken.getsockname()[1])
    assert world.sockets.all == []
    assert world.ids == []


def test_a_port_that_cannot_be_watched_is_given_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_bound: PolledSocket, _callback: object) -> None:
        raise OSError(errno.ENOSPC, "a socket cannot be watched")

    monkeypatch.setattr(PolledSocket, "watch_readable", refuse)
    with pytest.raises(CommandError, match="no socket: a socket cannot be watched"):
        make_transport(world)
    assert world.sockets.all == []
    assert world.ids == []


def test_close_gives_everything_back(world: World) -> None:
    transport = make_transport(world, rtcp_mux=False)
    transport.connect(ConnectRequest(ip="127.0.0.1", port=1, rtcp_port=2))
    transport.close()
    transport.close()
    assert world.sockets.all == []
    assert world.ids == []
    assert world.clock.waiting == 0
