"""The ICE-lite agent: what it answers, which tuple it chooses, when it gives up."""

from __future__ import annotations

import hmac
import itertools
import zlib

import pytest

from miso.worker.ice import stun
from miso.worker.ice.server import (
    MAX_TUPLES,
    Credentials,
    IceEvent,
    IceServer,
    IceState,
    IceTuple,
    PathLost,
    Reply,
    SelectedTupleChanged,
    StateChanged,
    TupleAdded,
    TupleRemoved,
    UsernameFragmentAdded,
    UsernameFragmentRemoved,
)
from miso.worker.ice.stun import MessageClass

LOCAL = Credentials("localfragment", "local-password-of-22-chars")
NEW = Credentials("newfragment", "another-password-of-22-chars")
SECOND_US = 1_000_000
TRANSACTION_IDS = (number.to_bytes(12, "big") for number in itertools.count(1))


def path(port: int, protocol: str = "udp") -> IceTuple:
    return IceTuple("socket", "tcp" if protocol == "tcp" else "udp", ("127.0.0.1", 4000), ("198.51.100.7", port))


def request(credentials: Credentials = LOCAL, **fields: object) -> bytes:
    values: dict[str, object] = {
        "username": f"{credentials.username_fragment}:remote",
        "priority": 100,
        "ice_controlling": 1,
        "password": credentials.password,
    } | fields
    return stun.build(MessageClass.REQUEST, next(TRANSACTION_IDS), **values)  # type: ignore[arg-type]


def send(server: IceServer, tuple_: IceTuple, data: bytes, now_us: int = 0) -> list[IceEvent]:
    return server.receive(stun.parse(data), tuple_, now_us)


def answer(events: list[IceEvent]) -> stun.StunMessage:
    (reply,) = [event for event in events if isinstance(event, Reply)]
    return stun.parse(reply.data)


def changes(events: list[IceEvent]) -> list[IceEvent]:
    return [event for event in events if not isinstance(event, Reply)]


def test_first_request_connects_and_is_answered_with_the_mapped_address() -> None:
    server = IceServer(LOCAL)
    assert (server.state, server.selected_tuple) == (IceState.NEW, None)
    data = request()
    events = send(server, path(1), data)
    response = answer(events)
    assert response.message_class == MessageClass.SUCCESS_RESPONSE
    assert response.transaction_id == stun.parse(data).transaction_id
    assert response.xor_mapped_address == ("198.51.100.7", 1)
    assert response.verify_integrity(LOCAL.password)
    assert response.verify_fingerprint()
    assert changes(events) == [TupleAdded(path(1)), SelectedTupleChanged(path(1)), StateChanged(IceState.CONNECTED)]
    assert (server.state, server.selected_tuple) == (IceState.CONNECTED, path(1))


def test_nomination_completes() -> None:
    server = IceServer(LOCAL)
    send(server, path(1), request())
    events = send(server, path(2), request(use_candidate=True))
    assert changes(events) == [TupleAdded(path(2)), SelectedTupleChanged(path(2)), StateChanged(IceState.COMPLETED)]
    assert changes(send(server, path(1), request())) == []
    assert server.selected_tuple == path(2)


def test_each_bare_use_candidate_selects_its_tuple() -> None:
    server = IceServer(LOCAL)
    for port in (1, 2, 1):
        send(server, path(port), request(use_candidate=True))
        assert server.selected_tuple == path(port)


def test_follows_the_peer_to_another_valid_tuple_only() -> None:
    server = IceServer(LOCAL)
    assert server.follow(path(1)) == []
    for port in (1, 2):
        send(server, path(port), request())
    assert server.follow(path(3)) == []
    assert server.selected_tuple == path(1)
    assert server.follow(path(2)) == [SelectedTupleChanged(path(2))]
    assert server.follow(path(2)) == []
    assert (server.selected_tuple, server.state) == (path(2), IceState.CONNECTED)


def test_renomination_goes_by_the_highest_number() -> None:
    server = IceServer(LOCAL)
    send(server, path(1), request(nomination=2, use_candidate=True))
    assert server.state == IceState.COMPLETED
    send(server, path(2), request(nomination=1, use_candidate=True))
    assert server.selected_tuple == path(1)
    send(server, path(2), request(nomination=2))
    assert server.selected_tuple == path(1)
    send(server, path(2), request(nomination=3))
    assert server.selected_tuple == path(2)


@pytest.mark.parametrize(
    "data",
    [
        request(username="somebody:remote"),
        request(username="localfragment"),
        request(username="localfragmen:remote"),
        request(username=None),
        request(username=None, password=None, fingerprint=False),
        request(username=None, method=3),
        stun.build(MessageClass.SUCCESS_RESPONSE, bytes(12), username="localfragment:x", password=LOCAL.password),
        stun.build(MessageClass.ERROR_RESPONSE, bytes(12), error_code=401),
        stun.build(MessageClass.INDICATION, bytes(12), username="localfragment:x", password=LOCAL.password),
        request()[:-1] + b"\0" if request()[-1] else request()[:-1] + b"\1",
    ],
)
def test_what_is_not_a_request_for_us_gets_no_answer(data: bytes) -> None:
    server = IceServer(LOCAL)
    assert send(server, path(1), data) == []
    assert server.tuples == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (request(method=3), 400),
        (request(fingerprint=False), 400),
        (request(priority=None), 400),
        (request(priority=0), 400),
        (request(password=None), 400),
        (request(password="wrong"), 401),
        (request(ice_controlled=5, ice_controlling=None), 487),
    ],
)
def test_wrong_requests_get_the_error_that_says_why(data: bytes, code: int) -> None:
    server = IceServer(LOCAL)
    events = send(server, path(1), data)
    assert len(events) == 1
    response = answer(events)
    assert response.message_class == MessageClass.ERROR_RESPONSE
    assert response.error_code == code
    assert response.method == stun.parse(data).method
    assert (server.state, server.tuples) == (IceState.NEW, [])


def test_attributes_that_must_be_understood_are_listed_in_the_error() -> None:
    strange = bytearray(request(nomination=1, password=None, fingerprint=False))
    at = strange.index(bytes.fromhex("c0010004"))
    strange[at : at + 2] = b"\x7c\x01"  # the same bytes under a comprehension-required type
    message = stun.parse(bytes(strange))
    assert message.not_understood == (0x7C01,)
    signed = _sign(bytes(strange), LOCAL.password)
    response = answer(send(IceServer(LOCAL), path(1), signed))
    assert (response.error_code, response.unknown_attributes) == (420, (0x7C01,))
    assert response.verify_integrity(LOCAL.password)


def _sign(data: bytes, password: str) -> bytes:
    covered = data[:2] + (len(data) - 20 + 24).to_bytes(2, "big") + data[4:]
    signed = covered + bytes.fromhex("00080014") + hmac.digest(password.encode(), covered, "sha1")
    signed = signed[:2] + (len(signed) - 20 + 8).to_bytes(2, "big") + signed[4:]
    return signed + bytes.fromhex("80280004") + (zlib.crc32(signed) ^ 0x5354554E).to_bytes(4, "big")


def plain_request(*attributes: tuple[int, bytes]) -> bytes:
    """A request without integrity, with attributes of any type behind the usual ones."""
    data = request(password=None, fingerprint=False)
    for kind, value in attributes:
        data += kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
    return data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]


@pytest.mark.parametrize("kind", [0x0030, 0xC001])
def test_a_nomination_is_known_by_both_its_types(kind: int) -> None:
    server = IceServer(LOCAL)
    for port, number in ((1, 2), (2, 3), (1, 3)):
        data = _sign(plain_request((kind, number.to_bytes(4, "big"))), LOCAL.password)
        response = answer(send(server, path(port), data))
        assert response.message_class == MessageClass.SUCCESS_RESPONSE
    assert (server.state, server.selected_tuple) == (IceState.COMPLETED, path(2))


PASSED_OVER = {  # of RFC 8489: a request is not refused for them
    "MAPPED-ADDRESS": (0x0001, bytes.fromhex("0001000a7f000001")),
    "ERROR-CODE": (0x0009, bytes.fromhex("00000400")),
    "UNKNOWN-ATTRIBUTES": (0x000A, bytes.fromhex("7c01")),
    "REALM": (0x0014, b"example.org"),
    "NONCE": (0x0015, b"obMatJos2AAAA"),
    "PASSWORD-ALGORITHM": (0x001D, bytes.fromhex("00020000")),
    "USERHASH": (0x001E, bytes(32)),
    "XOR-MAPPED-ADDRESS": (0x0020, bytes.fromhex("0001a147e112a643")),
}
REFUSED = {  # what they ask for is not done here
    "RESPONSE-ADDRESS": 0x0002,
    "CHANGE-REQUEST": 0x0003,
    "SOURCE-ADDRESS": 0x0004,
    "CHANGED-ADDRESS": 0x0005,
    "PASSWORD": 0x0007,
    "REFLECTED-FROM": 0x000B,
    "CHANNEL-NUMBER": 0x000C,
    "LIFETIME": 0x000D,
    "XOR-PEER-ADDRESS": 0x0012,
    "DATA": 0x0013,
    "XOR-RELAYED-ADDRESS": 0x0016,
    "REQUESTED-ADDRESS-FAMILY": 0x0017,
    "EVEN-PORT": 0x0018,
    "REQUESTED-TRANSPORT": 0x0019,
    "DONT-FRAGMENT": 0x001A,
    "ACCESS-TOKEN": 0x001B,
    "RESERVATION-TOKEN": 0x0022,
    "PADDING": 0x0026,
    "RESPONSE-PORT": 0x0027,
    "CONNECTION-ID": 0x002A,
    "unassigned": 0x7FFF,
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_a_request_is_not_refused_for_attributes_of_stun_itself(name: str) -> None:
    data = _sign(plain_request(PASSED_OVER[name]), LOCAL.password)
    assert answer(send(IceServer(LOCAL), path(1), data)).message_class == MessageClass.SUCCESS_RESPONSE


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_for_what_is_not_done_here_is_refused_by_its_attribute(name: str) -> None:
    data = _sign(plain_request((REFUSED[name], bytes(4))), LOCAL.password)
    response = answer(send(IceServer(LOCAL), path(1), data))
    assert (response.error_code, response.unknown_attributes) == (420, (REFUSED[name],))


def sha256(password: str, size: int = 32, data: bytes | None = None) -> bytes:
    """A request with MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 14.6), cut to so many bytes."""
    data = plain_request() if data is None else data
    covered = data[:2] + (len(data) - 20 + 4 + size).to_bytes(2, "big") + data[4:]
    tag = hmac.digest(password.encode(), covered, "sha256")[:size]
    signed = covered + b"\x00\x1c" + size.to_bytes(2, "big") + tag
    signed = signed[:2] + (len(signed) - 20 + 8).to_bytes(2, "big") + signed[4:]
    return signed + bytes.fromhex("80280004") + (zlib.crc32(signed) ^ 0x5354554E).to_bytes(4, "big")


@pytest.mark.parametrize("size", [16, 32])
def test_the_stronger_integrity_is_taken_and_given_back(size: int) -> None:
    response = answer(send(IceServer(LOCAL), path(1), sha256(LOCAL.password, size)))
    assert response.message_class == MessageClass.SUCCESS_RESPONSE
    assert (response.integrity_offset, response.sha256_offset > 0) == (0, True)
    assert response.verify_integrity(LOCAL.password)
    assert not response.verify_integrity("wrong")


def test_the_stronger_of_two_integrities_counts() -> None:
    weak = _sign(plain_request(), LOCAL.password)[:-8]  # without its fingerprint
    assert answer(send(IceServer(LOCAL), path(1), sha256(LOCAL.password, data=weak))).error_code is None
    assert answer(send(IceServer(LOCAL), path(1), sha256("wrong", data=weak))).error_code == 401


def test_old_credentials_stay_good_until_the_new_ones_are_used() -> None:
    server = IceServer(LOCAL)
    send(server, path(1), request(use_candidate=True, nomination=9))
    assert server.restart(NEW) == [UsernameFragmentAdded("newfragment")]
    assert server.username_fragments == ["newfragment", "localfragment"]
    response = answer(send(server, path(1), request(LOCAL, nomination=10)))
    assert response.verify_integrity(LOCAL.password)
    events = send(server, path(2), request(NEW, nomination=1))
    assert changes(events) == [
        UsernameFragmentRemoved("localfragment"),
        TupleAdded(path(2)),
        SelectedTupleChanged(path(2)),
    ]
    assert answer(events).verify_integrity(NEW.password)
    assert send(server, path(1), request(LOCAL)) == []


def test_the_new_username_with_the_old_password_is_refused() -> None:
    server = IceServer(LOCAL)
    server.restart(NEW)
    events = send(server, path(1), request(Credentials(NEW.username_fragment, LOCAL.password)))
    assert answer(events).error_code == 401
    assert server.username_fragments == ["newfragment", "localfragment"]


def test_a_second_restart_ends_the_oldest_credentials() -> None:
    server = IceServer(LOCAL)
    server.restart(NEW)
    third = Credentials("third", "third-password-of-22-chars")
    assert server.restart(third) == [UsernameFragmentRemoved("localfragment"), UsernameFragmentAdded("third")]
    assert send(server, path(1), request(LOCAL)) == []
    assert answer(send(server, path(1), request(NEW))).message_class == MessageClass.SUCCESS_RESPONSE


def test_the_ninth_tuple_pushes_out_the_oldest_that_is_not_selected() -> None:
    server = IceServer(LOCAL)
    for port in range(MAX_TUPLES):
        send(server, path(port), request())
    assert server.selected_tuple == path(0)
    events = send(server, path(100), request())
    assert changes(events) == [TupleAdded(path(100)), TupleRemoved(path(1))]
    assert len(server.tuples) == MAX_TUPLES
    assert path(0) in server.tuples


def test_the_tuple_of_a_closed_connection_hands_over_to_the_one_heard_of_last() -> None:
    server = IceServer(LOCAL)
    for now_us, port in ((0, 1), (10, 2), (20, 3), (30, 2)):
        send(server, path(port, "tcp"), request(), now_us)
    assert server.remove_tuple(path(1, "tcp")) == [TupleRemoved(path(1, "tcp")), SelectedTupleChanged(path(2, "tcp"))]
    assert server.remove_tuple(path(3, "tcp")) == [TupleRemoved(path(3, "tcp"))]
    assert server.remove_tuple(path(2, "tcp")) == [
        TupleRemoved(path(2, "tcp")),
        StateChanged(IceState.DISCONNECTED),
    ]
    assert server.selected_tuple is None
    assert server.remove_tuple(path(2, "tcp")) == []


def test_reconnects_after_a_disconnect() -> None:
    server = IceServer(LOCAL)
    send(server, path(1), request(nomination=4))
    server.remove_tuple(path(1))
    events = send(server, path(1), request(nomination=1))
    assert changes(events)[-1] == StateChanged(IceState.COMPLETED)


def test_consent_ends_without_requests() -> None:
    server = IceServer(LOCAL, consent_timeout_us=30 * SECOND_US)
    assert server.timeout_us() is None
    send(server, path(1), request(use_candidate=True), 5 * SECOND_US)
    send(server, path(1), request(), 10 * SECOND_US)
    assert server.timeout_us() == 40 * SECOND_US
    assert server.handle_timeout(40 * SECOND_US - 1) == []
    assert server.handle_timeout(40 * SECOND_US) == [TupleRemoved(path(1)), StateChanged(IceState.DISCONNECTED)]
    assert (server.state, server.tuples, server.timeout_us()) == (IceState.DISCONNECTED, [], None)


def test_only_good_requests_give_consent() -> None:
    server = IceServer(LOCAL, consent_timeout_us=30 * SECOND_US)
    send(server, path(1), request())
    send(server, path(1), request(password="wrong"), 20 * SECOND_US)
    send(server, path(1), stun.build(MessageClass.INDICATION, bytes(12)), 25 * SECOND_US)
    assert server.handle_timeout(30 * SECOND_US)[-1] == StateChanged(IceState.DISCONNECTED)


def test_a_tuple_that_still_has_consent_takes_over() -> None:
    server = IceServer(LOCAL, consent_timeout_us=30 * SECOND_US)
    send(server, path(1), request(use_candidate=True), 0)
    send(server, path(2), request(), 20 * SECOND_US)
    assert server.handle_timeout(30 * SECOND_US) == [TupleRemoved(path(1)), SelectedTupleChanged(path(2))]
    assert server.state == IceState.COMPLETED


def test_consent_can_be_turned_off() -> None:
    server = IceServer(LOCAL, consent_timeout_us=0)
    send(server, path(1), request())
    assert server.timeout_us() is None
    assert server.handle_timeout(10**15) == []


def test_close_gives_everything_back() -> None:
    server = IceServer(LOCAL)
    server.restart(NEW)
    send(server, path(1), request(LOCAL))
    assert server.close() == [
        UsernameFragmentRemoved("newfragment"),
        UsernameFragmentRemoved("localfragment"),
        TupleRemoved(path(1)),
    ]


def test_a_tuple_that_becomes_anothers_is_missed_when_consent_ends() -> None:
    server = IceServer(LOCAL, consent_timeout_us=30 * SECOND_US)
    send(server, path(1), request(use_candidate=True), 5 * SECOND_US)
    assert server.take_away(path(2)) == []
    assert server.take_away(path(1)) == [TupleRemoved(path(1)), PathLost()]
    assert (server.state, server.selected_tuple, server.tuples) == (IceState.COMPLETED, None, [])
    assert server.timeout_us() == 35 * SECOND_US
    assert server.handle_timeout(34 * SECOND_US) == []
    assert server.handle_timeout(35 * SECOND_US) == [StateChanged(IceState.DISCONNECTED)]
    assert server.timeout_us() is None


def test_a_peer_whose_tuple_became_anothers_goes_on_over_the_next_one() -> None:
    server = IceServer(LOCAL, consent_timeout_us=30 * SECOND_US)
    send(server, path(1), request(use_candidate=True))
    server.take_away(path(1))
    events = send(server, path(2), request(use_candidate=True), 6 * SECOND_US)
    assert changes(events) == [TupleAdded(path(2)), SelectedTupleChanged(path(2))]
    assert server.timeout_us() == 36 * SECOND_US


def test_another_valid_tuple_takes_over_when_one_becomes_anothers() -> None:
    server = IceServer(LOCAL)
    for port in (1, 2):
        send(server, path(port), request(use_candidate=True))
    assert server.take_away(path(2)) == [TupleRemoved(path(2)), SelectedTupleChanged(path(1))]
