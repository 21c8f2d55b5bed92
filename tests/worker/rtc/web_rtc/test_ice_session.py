"""ICE of a transport: which tuple is used, whom it follows, and how long the peer consents."""

from __future__ import annotations

import pytest
from pylibsrtp import Policy, Session

from miso.worker.channel.bodies.transport import (
    RestartIceResponse,
)
from miso.worker.dtls.events import DatagramToSend
from tests.worker.rtc.web_rtc.transports import make_transport, peer_of, states
from tests.worker.rtc.world import World

SECOND_MS = 1_000


def test_the_nomination_may_come_later(world: World) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.check(use_candidate=False)
    peer.work()
    peer.check()
    peer.work()
    assert states(world, "icestatechange", "ice_state") == ["connected", "completed"]
    assert world.notifier.names("tr").count("iceselectedtuplechange") == 1


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


@pytest.mark.parametrize("stopped_s", [60, 28.5, 27.2, 20])
def test_a_peer_has_time_for_a_check_after_the_worker_was_stopped(world: World, stopped_s: float) -> None:
    transport = make_transport(world)
    peer = peer_of(world, transport)
    peer.connect_ice()
    peer.connect_dtls(transport)
    for _ in range(2):
        world.clock.advance(2 * SECOND_MS)
        world.clock.stand_still(stopped_s * SECOND_MS)
        world.clock.advance(6 * SECOND_MS)
        assert transport.connected
        peer.connect_ice()
        world.clock.advance(6 * SECOND_MS)
        peer.connect_ice()
    world.clock.advance(29 * SECOND_MS)
    assert transport.connected
    world.clock.advance(2 * SECOND_MS)
    assert states(world, "icestatechange", "ice_state") == ["completed", "disconnected"]


def test_a_peer_that_has_gone_while_the_worker_was_stopped_is_missed(world: World) -> None:
    transport = make_transport(world)
    peer_of(world, transport).connect_ice()
    world.clock.stand_still(60 * SECOND_MS)
    world.clock.advance(8 * SECOND_MS)
    assert states(world, "icestatechange", "ice_state") == ["completed", "disconnected"]


def test_who_has_stopped_checks_has_no_more_time_for_a_worker_that_is_a_little_late(world: World) -> None:
    transport = make_transport(world)
    peer_of(world, transport).connect_ice()
    world.clock.advance(29.5 * SECOND_MS)
    world.clock.stand_still(1 * SECOND_MS)
    world.clock.advance(0)
    assert states(world, "icestatechange", "ice_state") == ["completed", "disconnected"]
