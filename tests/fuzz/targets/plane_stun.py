"""The plane's own look at STUN: control sees the messages for a fragment that the plane does not answer itself."""

from __future__ import annotations

from miso.worker.dataplane import StunGate, StunReceived
from miso.worker.errors import ParseError
from miso.worker.ice import stun
from miso.worker.rtp.packet import DatagramKind, classify
from tests.fuzz.targets.stun import CREDENTIALS
from tests.fuzz.targets.stun import SEEDS as MESSAGES
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import Rig, address_of

FRAGMENT = "fragment"
SEEDS = [message for message in MESSAGES if FRAGMENT.encode() in message]
SEEDS.append(
    stun.build(
        stun.MessageClass.REQUEST,
        bytes(12),
        username=f"{FRAGMENT}:remote",
        priority=5,
        ice_controlling=1,
        use_candidate=True,
        password=CREDENTIALS.password,
    )
)
SECOND_US = 1_000_000
_rig = Rig()
_rig.udp.stun_gate = StunGate()
_rig.udp.stun_gate.expect(FRAGMENT, _rig.transport)
_rig.transport.checks.expect(FRAGMENT, CREDENTIALS.password, True)
_time_us = 0


def run(data: bytes) -> None:
    """Reads the bytes with their length set right, then as they are: what control would take is let through."""
    if len(data) >= stun.HEADER_SIZE:
        try:
            read(data[:2] + ((len(data) - stun.HEADER_SIZE) & 0xFFFF).to_bytes(2, "big") + data[4:])
        except ParseError:
            pass
    read(data)


def read(data: bytes) -> None:
    """Raises ParseError for what control would not take; that may come through, unless its USERNAME is not ours."""
    global _time_us
    _time_us += SECOND_US
    if len(data) > 1500 or classify(data, len(data)) != DatagramKind.STUN:
        raise ParseError("no STUN message")
    with nothing_unraisable():
        _rig.sender.socket.sendto(data, address_of(_rig.socket))
        events = _rig.udp.receive(_time_us)
    shown = [event for event in events if isinstance(event, StunReceived)]
    assert not shown or f"{FRAGMENT}:".encode() in data
    message = stun.parse(data)
    ours = message.username is not None and message.username.startswith(f"{FRAGMENT}:")
    answered = list(_rig.sender.datagrams())
    assert len(shown) + len(answered) == ours
    if answered:
        assert message.verify_integrity(CREDENTIALS.password)
        assert stun.parse(answered[0]).verify_integrity(CREDENTIALS.password)
