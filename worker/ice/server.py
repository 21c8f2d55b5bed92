"""An ICE-lite agent: checks what the peer sends, keeps its tuples, and knows which one to send to.

RFC 8445 (lite, always controlled), RFC 7675 (consent, here seen from the side that answers the checks),
draft-thatcher-ice-renomination (NOMINATION). Sans-I/O: messages and the time go in, events come out.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import StrEnum

import msgspec

from miso.worker.ice import stun
from miso.worker.ice.candidates import IceProtocol
from miso.worker.ice.stun import ErrorCode, MessageClass, Method, StunMessage

MAX_TUPLES = 8
DEFAULT_CONSENT_TIMEOUT_S = 30
_US_PER_S = 1_000_000


class IceState(StrEnum):
    """States of the agent, with the names that the API uses."""

    NEW = "new"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"


class IceTuple(msgspec.Struct, frozen=True):
    """A pair of ends over which the peer reached us.

    Attributes:
        socket: Our end; the caller's UDP socket or TCP connection, never looked into.
        protocol: "udp" or "tcp".
        local_address: IP and port of our end.
        remote_address: IP and port of the peer, as seen here.
    """

    socket: Hashable
    protocol: IceProtocol
    local_address: tuple[str, int]
    remote_address: tuple[str, int]


class Reply(msgspec.Struct, frozen=True):
    """Send these bytes over the tuple."""

    data: bytes
    tuple: IceTuple


class UsernameFragmentAdded(msgspec.Struct, frozen=True):
    """From now on messages for this username fragment are ours."""

    username_fragment: str


class UsernameFragmentRemoved(msgspec.Struct, frozen=True):
    """Messages for this username fragment are not ours any more."""

    username_fragment: str


class TupleAdded(msgspec.Struct, frozen=True):
    """The peer proved that it is behind this tuple: accept its datagrams."""

    tuple: IceTuple


class TupleRemoved(msgspec.Struct, frozen=True):
    """The tuple is forgotten: accept nothing from it; a TCP connection is to be closed."""

    tuple: IceTuple


class SelectedTupleChanged(msgspec.Struct, frozen=True):
    """Send over this tuple from now on."""

    tuple: IceTuple


class PathLost(msgspec.Struct, frozen=True):
    """There is nowhere to send to, until the peer comes by another tuple or its consent ends."""


class StateChanged(msgspec.Struct, frozen=True):
    """The agent is in another state."""

    state: IceState


IceEvent = (
    Reply
    | UsernameFragmentAdded
    | UsernameFragmentRemoved
    | TupleAdded
    | TupleRemoved
    | SelectedTupleChanged
    | PathLost
    | StateChanged
)


class Credentials(msgspec.Struct, frozen=True):
    """Username fragment (4 to 256 characters) and password (22 to 256) of one ICE session (RFC 8445 section 5.3)."""

    username_fragment: str
    password: str


class IceServer:
    """The agent of one transport.

    Attributes:
        credentials: Ours, told to the peer in the signaling; after a restart the new ones.
        state: Where the agent stands.
        selected_tuple: Where to send: there is one in the states connected and completed only, and there unless the
            path is lost.
    """

    def __init__(
        self, credentials: Credentials, *, consent_timeout_us: int = DEFAULT_CONSENT_TIMEOUT_S * _US_PER_S
    ) -> None:
        """Makes an agent without tuples.

        Args:
            credentials: Ours.
            consent_timeout_us: Without an authenticated request on the selected tuple for so long it counts as lost;
                0: never.
        """
        self.credentials = credentials
        self.state = IceState.NEW
        self.selected_tuple: IceTuple | None = None
        self._old_credentials: Credentials | None = None  # from before a restart, until the peer uses the new ones
        self._consent_timeout_us = consent_timeout_us
        self._tuples: dict[IceTuple, int] = {}  # newest last → when its last authenticated request came
        self._lost_us: int | None = None  # when the peer was last heard of over the path that it lost
        self._remote_nomination = 0  # the highest NOMINATION so far

    @property
    def username_fragments(self) -> list[str]:
        """The fragments whose messages are ours: the newest, and that of before a restart until it is dropped."""
        old = self._old_credentials
        return [self.credentials.username_fragment] + ([old.username_fragment] if old else [])

    @property
    def tuples(self) -> list[IceTuple]:
        """All valid tuples, the oldest first; at most 8."""
        return list(self._tuples)

    def heard_us(self, tuple_: IceTuple) -> int | None:
        """When the last authenticated request came over a tuple, on the clock of ``receive``; None: not valid."""
        return self._tuples.get(tuple_)

    def receive(self, message: StunMessage, tuple_: IceTuple, now_us: int) -> list[IceEvent]:
        """Takes a message; ``now_us`` is any monotonic clock in microseconds.

        A message for another username fragment gets no answer at all, so that it reveals nothing. Responses and
        indications are ignored: a lite agent sends no requests, and indications prove no consent (RFC 7675).
        """
        if message.message_class != MessageClass.REQUEST:
            return []
        credentials = self._credentials_for(message.username)
        if credentials is None:
            return []
        if message.fingerprint_offset and not message.verify_fingerprint():
            return []
        if not _is_complete(message):
            return [_error(message, tuple_, ErrorCode.BAD_REQUEST)]
        if not message.verify_integrity(credentials.password):
            return [_error(message, tuple_, ErrorCode.UNAUTHORIZED)]
        if message.not_understood:
            return [_error(message, tuple_, ErrorCode.UNKNOWN_ATTRIBUTE, credentials.password)]
        if message.ice_controlled is not None:
            return [_error(message, tuple_, ErrorCode.ROLE_CONFLICT, credentials.password)]
        events: list[IceEvent] = []
        old = self._old_credentials
        if old is not None and credentials is self.credentials:
            self._old_credentials = None
            self._remote_nomination = 0
            events.append(UsernameFragmentRemoved(old.username_fragment))
        success = stun.build(
            MessageClass.SUCCESS_RESPONSE,
            message.transaction_id,
            xor_mapped_address=tuple_.remote_address,
            password=credentials.password,
            sha256=bool(message.sha256_offset),
        )
        events.append(Reply(success, tuple_))
        events += self._add(tuple_, now_us)
        events += self._nominate(tuple_, message.use_candidate, message.nomination)
        return events

    def note_heard(self, seen_us: int) -> None:
        """An authenticated request over the selected tuple was answered elsewhere, as ``receive`` would have."""
        if self.selected_tuple is not None:
            self._tuples[self.selected_tuple] = max(self._tuples[self.selected_tuple], seen_us)

    def restart(self, credentials: Credentials) -> list[IceEvent]:
        """New credentials (RFC 8445 section 9); the old ones stay good until the peer uses the new ones."""
        events: list[IceEvent] = []
        if self._old_credentials is not None:
            events.append(UsernameFragmentRemoved(self._old_credentials.username_fragment))
        self._old_credentials, self.credentials = self.credentials, credentials
        self._remote_nomination = 0
        events.append(UsernameFragmentAdded(credentials.username_fragment))
        return events

    def follow(self, tuple_: IceTuple) -> list[IceEvent]:
        """The peer sends genuine data over a valid tuple: it should be answered there, nominated or not."""
        return self._select(tuple_) if tuple_ in self._tuples and self.selected_tuple is not None else []

    def remove_tuple(self, tuple_: IceTuple) -> list[IceEvent]:
        """Forgets a tuple, such as that of a closed TCP connection; another one takes over when it was selected."""
        if tuple_ not in self._tuples:
            return []
        del self._tuples[tuple_]
        events: list[IceEvent] = [TupleRemoved(tuple_)]
        if tuple_ == self.selected_tuple:
            events += self._select_another()
        return events

    def take_away(self, tuple_: IceTuple) -> list[IceEvent]:
        """Forgets a tuple that is another agent's now. That is no word of the peer: its consent goes on to its end."""
        seen_us = self._tuples.get(tuple_)
        if seen_us is None or tuple_ != self.selected_tuple or len(self._tuples) > 1:
            return self.remove_tuple(tuple_)
        del self._tuples[tuple_]
        self.selected_tuple = None
        self._lost_us = seen_us
        return [TupleRemoved(tuple_), PathLost()]

    def timeout_us(self) -> int | None:
        """When to call ``handle_timeout``, on the clock of ``receive``; None: not at all."""
        seen_us = self._tuples[self.selected_tuple] if self.selected_tuple is not None else self._lost_us
        if seen_us is None or not self._consent_timeout_us:
            return None
        return seen_us + self._consent_timeout_us

    def handle_timeout(self, now_us: int) -> list[IceEvent]:
        """Ends what the peer does not consent to any more (RFC 7675 section 5.1)."""
        deadline = self.timeout_us()
        if deadline is None or now_us < deadline:
            return []
        silent = [known for known, seen_us in self._tuples.items() if seen_us + self._consent_timeout_us <= now_us]
        for known in silent:
            del self._tuples[known]
        return [TupleRemoved(known) for known in silent] + self._select_another()

    def close(self) -> list[IceEvent]:
        """Gives back all username fragments and tuples; the agent answers nothing any more."""
        events: list[IceEvent] = [UsernameFragmentRemoved(fragment) for fragment in self.username_fragments]
        events += [TupleRemoved(known) for known in self._tuples]
        self._tuples.clear()
        self.selected_tuple = self._lost_us = None
        return events

    def _credentials_for(self, username: str | None) -> Credentials | None:
        """Whose message it is: USERNAME is our fragment, a colon, the peer's (RFC 8445 section 7.2.2)."""
        fragment, colon, _ = (username or "").partition(":")
        if not colon:
            return None
        if fragment == self.credentials.username_fragment:
            return self.credentials
        old = self._old_credentials
        return old if old is not None and fragment == old.username_fragment else None

    def _add(self, tuple_: IceTuple, now_us: int) -> list[IceEvent]:
        known = tuple_ in self._tuples
        self._tuples[tuple_] = now_us
        if known:
            return []
        events: list[IceEvent] = [TupleAdded(tuple_)]
        if len(self._tuples) > MAX_TUPLES:
            oldest = next(other for other in self._tuples if other not in (tuple_, self.selected_tuple))
            del self._tuples[oldest]
            events.append(TupleRemoved(oldest))
        return events

    def _nominate(self, tuple_: IceTuple, use_candidate: bool, nomination: int | None) -> list[IceEvent]:
        """Moves the state and the selected tuple after a good request.

        A NOMINATION counts only when it is higher than all before; a bare USE-CANDIDATE always counts (the peer
        nominates aggressively, RFC 5245, as browsers do towards a lite agent).
        """
        nominated = use_candidate if nomination is None else nomination > self._remote_nomination
        if not nominated and self.selected_tuple is not None:
            return []
        if nominated and nomination is not None:
            self._remote_nomination = nomination
        events: list[IceEvent] = self._select(tuple_)
        state = IceState.COMPLETED if nominated else IceState.CONNECTED
        if self.state != state:
            self.state = state
            events.append(StateChanged(state))
        return events

    def _select(self, tuple_: IceTuple) -> list[IceEvent]:
        if tuple_ == self.selected_tuple:
            return []
        self.selected_tuple = tuple_
        self._lost_us = None
        return [SelectedTupleChanged(tuple_)]

    def _select_another(self) -> list[IceEvent]:
        """The tuple heard of last takes over; without any the peer is gone."""
        if self._tuples:
            return self._select(max(self._tuples, key=lambda known: self._tuples[known]))
        self.selected_tuple = self._lost_us = None
        self.state = IceState.DISCONNECTED
        self._remote_nomination = 0
        return [StateChanged(self.state)]


def _is_complete(message: StunMessage) -> bool:
    """Whether a request has what a check of ICE needs (RFC 8445 section 7.3, RFC 8489 section 9.1.3)."""
    has_all = message.fingerprint_offset and message.has_integrity and message.priority
    return bool(has_all) and message.method == Method.BINDING


def _error(message: StunMessage, tuple_: IceTuple, code: ErrorCode, password: str | None = None) -> Reply:
    """An error response; integrity only where the request proved that it knows the password."""
    data = stun.build(
        MessageClass.ERROR_RESPONSE,
        message.transaction_id,
        method=message.method,
        error_code=code,
        unknown_attributes=message.not_understood if code == ErrorCode.UNKNOWN_ATTRIBUTE else (),
        password=password,
        sha256=bool(message.sha256_offset),
    )
    return Reply(data, tuple_)
