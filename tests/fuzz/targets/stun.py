"""STUN: the parser, the quick look at the username, and the agent behind them."""

from __future__ import annotations

from miso.worker.errors import ParseError
from miso.worker.ice import stun
from miso.worker.ice.server import Credentials, IceServer, IceTuple
from miso.worker.ice.stun import MessageClass

CREDENTIALS = Credentials("fragment", "password-with-22-characters")
TUPLE = IceTuple(1, "udp", ("127.0.0.1", 1), ("127.0.0.1", 2))
SEEDS = [
    stun.build(
        MessageClass.REQUEST,
        bytes(12),
        username="fragment:remote",
        priority=5,
        ice_controlling=1,
        use_candidate=True,
        nomination=3,
        password=CREDENTIALS.password,
    ),
    stun.build(MessageClass.REQUEST, bytes(12), username="fragment:remote", priority=5, fingerprint=False),
    stun.build(MessageClass.SUCCESS_RESPONSE, bytes(12), xor_mapped_address=("2001:db8::1", 9), password="p"),
    stun.build(MessageClass.ERROR_RESPONSE, bytes(12), error_code=420, unknown_attributes=(1, 2, 3)),
    stun.build(MessageClass.INDICATION, bytes(12)),
    stun.build(MessageClass.REQUEST, bytes(12), username="fragment:remote", password="p", sha256=True),
]


def run(data: bytes) -> None:
    """Reads the bytes with their length set right, so that the attributes are reached, then as they are."""
    if len(data) >= stun.HEADER_SIZE:
        try:
            read(data[:2] + ((len(data) - stun.HEADER_SIZE) & 0xFFFF).to_bytes(2, "big") + data[4:])
        except ParseError:
            pass
    read(data)


def read(data: bytes) -> None:
    """Accepts the bytes, or raises ParseError; what the quick look refuses, the parser refuses."""
    try:
        fragment = stun.local_username_fragment(data)
    except ParseError as error:
        try:
            stun.parse(data)
        except ParseError:
            raise error from None
        raise AssertionError("the quick look refused what the parser takes") from None
    message = stun.parse(data)
    assert fragment == (message.username or "").partition(":")[0]
    message.verify_fingerprint()
    message.verify_integrity("password")
    IceServer(CREDENTIALS).receive(message, TUPLE, 0)
