"""Connectivity checks that the plane answers: as the agent would, and only those that change nothing for it."""

from __future__ import annotations

import hmac
import os
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.worker.dataplane import StunGate, StunReceived
from miso.worker.errors import ParseError
from miso.worker.ice import stun
from miso.worker.ice.server import Credentials, IceServer, IceTuple, Reply
from miso.worker.ice.stun import MessageClass
from tests.worker.dataplane.rig import Peer, Rig, address_of, now_us

FRAGMENT, PASSWORD = "ourfragment", "a password of 22 bytes"
USUAL: dict[str, Any] = {
    "username": f"{FRAGMENT}:theirs",
    "priority": 1,
    "ice_controlling": 1 << 63,
    "use_candidate": True,
    "password": PASSWORD,
}
UNUSUAL: dict[str, dict[str, Any]] = {
    "another fragment": {"username": "other:theirs"},
    "a longer fragment": {"username": f"{FRAGMENT}s:theirs"},
    "a name that is not ASCII": {"username": f"{FRAGMENT}:théirs"},
    "another password": {"password": "another password of 22"},
    "no password": {"password": None},
    "no fingerprint": {"fingerprint": False},
    "no priority": {"priority": None},
    "the wrong role": {"ice_controlled": 1, "ice_controlling": None},
    "a nomination with a number": {"nomination": 1},
    "the other integrity": {"sha256": True},
}


def check(**fields: Any) -> bytes:
    return stun.build(MessageClass.REQUEST, os.urandom(12), **(USUAL | fields))


class Consenting:
    """A transport whose peer has been heard and nominates, in the plane and as an agent of control's."""

    def __init__(self, rig: Rig, password: str = PASSWORD) -> None:
        self.rig = rig
        self.transport = rig.transport
        self.agent = IceServer(Credentials(FRAGMENT, password))
        self.tuple = IceTuple("socket", "udp", ("127.0.0.1", 1), rig.sender.address)
        self.agent.receive(stun.parse(check(password=password)), self.tuple, 0)
        rig.udp.stun_gate = StunGate()
        rig.udp.stun_gate.expect(FRAGMENT, rig.transport)
        rig.transport.checks.expect(FRAGMENT, password, True)

    def ask(self, request: bytes) -> bytes | None:
        """What the plane answers; None: control is to see it, or nobody."""
        self.rig.sender.socket.sendto(request, address_of(self.rig.socket))
        self.events = self.rig.udp.receive(now_us())
        return next(self.rig.sender.datagrams(), None)

    def expected(self, request: bytes) -> object:
        try:
            return self.agent.receive(stun.parse(request), self.tuple, 0)
        except ParseError:
            return None


@pytest.fixture
def peer(rig: Rig) -> Consenting:
    return Consenting(rig)


@pytest.mark.parametrize("fields", [{}, {"use_candidate": False}, {"ice_controlling": None}, {"priority": 2**32 - 1}])
def test_answers_a_usual_check_byte_for_byte_as_the_agent(peer: Consenting, fields: dict[str, Any]) -> None:
    request = check(**fields)
    before = peer.transport.sent.bytes
    answer = peer.ask(request)
    assert answer is not None
    assert peer.events == []
    assert peer.expected(request) == [Reply(answer, peer.tuple)]
    assert peer.transport.sent.bytes == before + len(answer)
    assert peer.transport.checks.answered_us > 0


@pytest.mark.parametrize("size", [1, 63, 64, 65, 256])
def test_passwords_of_all_lengths(rig: Rig, size: int) -> None:
    peer = Consenting(rig, "p" * size)
    request = check(password="p" * size)
    assert peer.expected(request) == [Reply(peer.ask(request) or b"", peer.tuple)]


def test_answers_over_ipv6() -> None:
    rig = Rig(None, "::1")
    peer = Consenting(rig)
    request = check()
    assert peer.expected(request) == [Reply(peer.ask(request) or b"", peer.tuple)]
    rig.close()


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_or_wrong_control_sees(peer: Consenting, what: str) -> None:
    assert peer.ask(check(**UNUSUAL[what])) is None
    is_for_us = what not in ("another fragment", "a longer fragment")
    assert [type(event) for event in peer.events] == [StunReceived] * is_for_us
    assert peer.transport.checks.answered_us == 0


def test_a_tuple_that_is_not_nominated_yet_is_control_s(peer: Consenting) -> None:
    peer.transport.checks.expect(FRAGMENT, PASSWORD, False)
    assert peer.ask(check()) is None
    assert peer.ask(check(use_candidate=False)) is not None


def test_another_tuple_is_control_s(peer: Consenting) -> None:
    other = Peer()
    peer.transport.accept_from(peer.rig.udp, other.address)
    other.socket.sendto(check(), address_of(peer.rig.socket))
    assert [type(event) for event in peer.rig.udp.receive(now_us())] == [StunReceived]
    other.socket.close()


def test_after_forget_control_sees_all(peer: Consenting) -> None:
    assert peer.ask(check()) is not None
    peer.transport.checks.forget()
    assert peer.ask(check()) is None
    assert [type(event) for event in peer.events] == [StunReceived]
    assert peer.transport.checks.answered_us == 0


def test_a_flood_of_checks_is_answered_in_part(peer: Consenting) -> None:
    now = now_us()
    for _ in range(100):
        peer.rig.sender.socket.sendto(check(), address_of(peer.rig.socket))
        assert all(not isinstance(event, StunReceived) for event in peer.rig.udp.receive(now))
    assert len(list(peer.rig.sender.datagrams())) == 60
    assert peer.rig.plane.counters["stun_limited"] == 40


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=3),
    st.sampled_from([{}, *UNUSUAL.values()]),
    st.booleans(),
)
def test_whatever_is_changed_the_plane_answers_nothing_that_the_agent_would_not(
    changes: list[tuple[int, int]], fields: dict[str, Any], whole: bool
) -> None:
    request = bytearray(check(**fields))
    for at, value in changes:
        request[at % len(request)] = value
    if whole:  # what is changed is what its sender meant
        request = bytearray(sign(bytes(request)))
    rig = Rig()
    peer = Consenting(rig)
    answer = peer.ask(bytes(request))
    if answer is not None:
        assert peer.expected(bytes(request)) == [Reply(answer, peer.tuple)]
    rig.close()


def sign(request: bytes) -> bytes:
    """Integrity and fingerprint made right again, where they stand at the end."""
    body = request[:-32]
    length = len(body) + 24 - 20
    covered = body[:2] + length.to_bytes(2, "big") + body[4:]
    digest = hmac.digest(PASSWORD.encode(), covered, "sha1")
    head = body[:2] + (length + 8).to_bytes(2, "big") + body[4:]
    signed = head + b"\0\x08\0\x14" + digest
    crc = zlib.crc32(signed) ^ 0x5354554E
    return signed + b"\x80\x28\0\x04" + crc.to_bytes(4, "big")
