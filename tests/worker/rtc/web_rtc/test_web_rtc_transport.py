"""WebRtcTransport: from a new one to its close on real loopback sockets, in the order that controllers see."""

from __future__ import annotations

import socket

import pytest
from pylibsrtp import Policy, Session

from miso.worker.channel.bodies.router import ListenIp
from miso.worker.channel.bodies.transport import (
    NumSctpStreams,
)
from miso.worker.dtls.events import ApplicationData, DtlsRole, DtlsState, StateChanged
from miso.worker.errors import CommandError
from tests.worker.rtc.web_rtc.transports import make_transport, peer_of, states
from tests.worker.rtc.world import World, fields


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
    assert connected.srtp_suite == 8
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
