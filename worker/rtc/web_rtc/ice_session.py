"""ICE of one WebRtcTransport: which tuples its peer is behind, which of them is used, and for how long he consents.

https://www.rfc-editor.org/rfc/rfc8445.html (lite), https://www.rfc-editor.org/rfc/rfc7675.html (consent)
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import Protocol

from miso.worker.channel.bodies.router import CreateWebRtcTransportRequest, WebRtcTransportOptions
from miso.worker.channel.bodies.transport import IceCandidate, IceParameters, TransportTuple
from miso.worker.channel.events import IceSelectedTupleChange, IceStateChange
from miso.worker.dataplane import SenderMoved, TcpConnection, TransportPlane, UdpSocket
from miso.worker.faults import AFTER_FAULT_US, attempt
from miso.worker.ice import server as ice
from miso.worker.ice.candidates import LocalEndpoint
from miso.worker.ice.server import Credentials, IceEvent, IceServer, IceState, IceTuple
from miso.worker.ice.stun import StunMessage
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Context
from miso.worker.rtc.web_rtc.ice_sockets import IceSockets
from miso.worker.rtc.web_rtc.offered_candidates import offered_candidates, wanted_protocols
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer

logger = logging.getLogger(__name__)

_SECOND_US = 1_000_000
_FOLLOW_EVERY_US = 100_000  # a peer that sends over two tuples in turn does not make us change with each packet
_REACHABLE = (IceState.CONNECTED, IceState.COMPLETED)

TUPLE_HOLD_US = 7_000_000
"""A tuple over which the peer was heard in this time stays with its transport, whoever else claims its address.

Firefox asks for consent every 4 to 6 s (RFC 7675 section 5.1), Chromium every 2.5 s; RTCP comes more often."""


class IceOwner(Protocol):
    """What ICE asks of its transport."""

    id: str

    @property
    def is_proven(self) -> bool:
        """Whether the peer has finished its DTLS handshake."""

    @property
    def is_over(self) -> bool:
        """Whether the transport is closed, or its peer has failed or left over DTLS."""

    def on_reachable(self) -> None:
        """The peer can be sent to; comes again when another tuple was nominated."""

    def on_unreachable(self) -> None:
        """The peer cannot be sent to any more."""

    def close(self) -> None:
        """The sockets are closed."""


class IceSession:
    """The ICE-lite agent at work, over sockets of its own or on those of a WebRtcServer.

    Attributes:
        id: Of the transport.
        candidates: Where the peer may send to; empty before ``open``.
    """

    def __init__(
        self,
        context: Context,
        owner: IceOwner,
        plane: TransportPlane,
        server: WebRtcServer | None,
        consent_timeout_s: int,
    ) -> None:
        """Hears nothing before ``open``.

        Args:
            context: What every object of the worker is given.
            owner: The transport.
            plane: The transport's half in the data plane.
            server: Whose sockets it uses, None for its own.
            consent_timeout_s: How long the peer may be silent.
        """
        self.id = owner.id
        self.candidates: list[IceCandidate] = []
        self._context = context
        self._owner: IceOwner = weakref.proxy(owner)  # whom it goes with, without a search for cycles
        self._plane = plane
        self._server = server
        self._sockets = server.sockets if server is not None else IceSockets(context, self)
        self._agent = IceServer(self._make_credentials(), consent_timeout_us=consent_timeout_s * _SECOND_US)
        self._consent = Alarm(context.scheduler, self, IceSession._on_consent_over)
        self._reached_us = 0  # when the first tuple became valid
        self._followed_us = -_FOLLOW_EVERY_US
        self._data_heard_us = 0  # when data last came in over DTLS, over the selected tuple
        self._claimed: IceTuple | None = None  # whence the next DTLS datagram came, if not over the selected tuple

    # ------------------------------------------------------------ for the transport

    @property
    def state(self) -> IceState:
        """Of the agent."""
        return self._agent.state

    @property
    def is_reachable(self) -> bool:
        """Whether the peer can be sent to."""
        return self._agent.state in _REACHABLE

    @property
    def selected_tuple(self) -> TransportTuple | None:
        """The tuple in use, None before there is one."""
        return _tuple_body(self._agent.selected_tuple) if self._agent.selected_tuple is not None else None

    @property
    def parameters(self) -> IceParameters:
        """What the peer has to know."""
        credentials = self._agent.credentials
        return IceParameters(
            username_fragment=credentials.username_fragment, password=credentials.password, ice_lite=True
        )

    def open(self, body: WebRtcTransportOptions) -> None:
        """Opens the sockets, unless a server has them.

        Raises:
            BodyError: A wrong IP, or no candidate on the server's sockets.
            CommandError: A port is taken.
        """
        fragment = self._agent.credentials.username_fragment
        self._sockets.expect(fragment, self._plane)
        if self._server is not None:
            self._server.add_transport(self, fragment)
            self.candidates = self._server.candidates_for(body)
        else:
            assert isinstance(body, CreateWebRtcTransportRequest)
            self.candidates = offered_candidates(self._open_sockets(body), body)

    def restart(self) -> None:
        """New credentials; the old ones stay good until the peer uses the new ones."""
        self._catch_up()
        self._apply(self._agent.restart(self._make_credentials()))

    def close(self) -> None:
        """Gives back tuples and sockets."""
        self._consent.stop()
        try:
            self._apply(self._agent.close())
        finally:
            if self._server is None:
                self._sockets.close()
            else:
                self._server.remove_transport(self)

    # ------------------------------------------------------------ the peer moves without nominating

    def on_sender_moved(self, event: SenderMoved, now_us: int) -> None:
        """The peer uses another valid tuple than the selected one, without nominating it: follows it.

        What looks like DTLS may be anybody's once there is a connection: it is followed when it was deciphered.
        """
        if now_us - self._followed_us < _FOLLOW_EVERY_US:
            return
        for tuple_ in self._agent.tuples:
            if tuple_.socket is event.socket and tuple_.remote_address == event.address:
                if event.genuine or not self._owner.is_proven:
                    self._follow(tuple_, now_us)
                else:
                    self._claimed = tuple_
                break

    def on_datagram_read(self) -> None:
        """A DTLS datagram is done with: whoever claimed to be the peer by it has shown it, or has not."""
        self._claimed = None

    def on_data_deciphered(self, now_us: int) -> None:
        """Data came over DTLS: whoever sent the datagram is the peer."""
        if self._claimed is None:
            self._data_heard_us = now_us
        else:
            tuple_, self._claimed = self._claimed, None
            self._follow(tuple_, now_us)

    def _follow(self, tuple_: IceTuple, now_us: int) -> None:
        self._followed_us = now_us
        self._catch_up()
        self._apply(self._agent.follow(tuple_))

    # ------------------------------------------------------------ for the sockets and the server

    def knows_username_fragment(self, fragment: str) -> bool:
        """Whether it is one of ours."""
        return fragment in self._agent.username_fragments

    def on_stun_message(self, fragment: str, message: StunMessage, tuple_: IceTuple, now_us: int) -> None:
        """A connectivity check, or something that claims to be one."""
        self._catch_up()
        self._apply(self._agent.receive(message, tuple_, now_us))
        self._watch_consent()

    def on_tuple_gone(self, tuple_: IceTuple) -> None:
        """The TCP connection ended."""
        self._catch_up()
        self._apply(self._agent.remove_tuple(tuple_))

    def on_tuple_taken(self, tuple_: IceTuple) -> None:
        """The tuple belongs to another transport of the server now; over TCP that is our own peer's doing."""
        if tuple_.protocol == "tcp":
            self.on_tuple_gone(tuple_)
        else:
            self._catch_up()
            self._apply(self._agent.take_away(tuple_))

    def holds(self, tuple_: IceTuple, now_us: int) -> bool:
        """Whether a valid tuple stays ours though somebody proves to another transport that the address is his.

        Over UDP he may have forged it. Our peer must have been heard over it within ``TUPLE_HOLD_US``, by a check, by
        SRTP or by data over DTLS, must not have said goodbye, and must have finished its DTLS handshake, for which as
        much time is given: an address that somebody claims in advance is free again soon.
        """
        if tuple_.protocol == "tcp" or self._owner.is_over:
            return False
        if not self._owner.is_proven and now_us - self._reached_us > TUPLE_HOLD_US:
            return False
        self._catch_up()
        heard_us = self._agent.heard_us(tuple_)
        if heard_us is None:
            return False
        if tuple_ == self._agent.selected_tuple:
            heard_us = max(heard_us, self._data_heard_us, self._plane.last_heard_us)
        return now_us - max(heard_us, self._context.scheduler.stood_until_us()) <= TUPLE_HOLD_US

    def on_server_closed(self) -> None:
        """The sockets are about to be closed."""
        self._owner.close()

    # ------------------------------------------------------------ own

    def _make_credentials(self) -> Credentials:
        """32 characters each: 128 bits, as RFC 8445 section 5.3 asks of the password."""
        digits = self._context.random(32).hex()
        return Credentials(digits[:32], digits[32:])

    def _open_sockets(self, body: CreateWebRtcTransportRequest) -> list[list[LocalEndpoint]]:
        return [
            [
                self._sockets.open(protocol, listen.ip, body.port or None, listen.announced_ip)
                for protocol in wanted_protocols(body)
            ]
            for listen in body.listen_ips
        ]

    def _apply(self, events: list[IceEvent]) -> None:
        """Does what the agent says, which tells nothing twice: a fault in one thing takes no other away."""
        news = False
        for event in events:
            kind = type(event)
            attempt(self, _REACTIONS[kind], self, event)
            news = news or kind is not ice.Reply
        if news:
            self._leave_usual_checks_to_plane()

    def _leave_usual_checks_to_plane(self) -> None:
        """Those over the selected tuple; but after a restart not before the peer has used the new credentials."""
        agent = self._agent
        checks = self._plane.checks
        if agent.selected_tuple is None or len(agent.username_fragments) > 1:
            checks.forget()
        else:
            credentials = agent.credentials
            nominated = agent.state == IceState.COMPLETED
            checks.expect(credentials.username_fragment, credentials.password, nominated)

    def _catch_up(self) -> None:
        """The agent hears of the checks that the plane has answered."""
        if self._plane.checks.answered_us:
            self._agent.note_heard(self._plane.checks.answered_us)

    def _on_reply(self, event: ice.Reply) -> None:
        self._sockets.send(event.tuple, event.data)

    def _on_tuple_added(self, event: ice.TupleAdded) -> None:
        self._sockets.prove(event.tuple)
        self._reached_us = self._reached_us or self._context.scheduler.now_us()
        if self._server is not None:
            self._server.add_tuple(event.tuple, self)
        self._plane.accept_from(_end_of(event.tuple), event.tuple.remote_address)

    def _on_tuple_removed(self, event: ice.TupleRemoved) -> None:
        self._plane.stop_accepting(_end_of(event.tuple), event.tuple.remote_address)
        if self._server is None or self._server.remove_tuple(event.tuple, self):
            self._sockets.drop(event.tuple)

    def _on_selected(self, event: ice.SelectedTupleChanged) -> None:
        tuple_ = event.tuple
        self._plane.set_destination(_end_of(tuple_), tuple_.remote_address)
        logger.debug("ICE selected transport=%s remote=%s", self.id, tuple_.remote_address)
        self._context.notifier.notify(
            self.id, "iceselectedtuplechange", IceSelectedTupleChange(ice_selected_tuple=_tuple_body(tuple_))
        )

    def _on_path_lost(self, event: ice.PathLost) -> None:
        self._plane.set_destination(None, None)

    def _on_state(self, event: ice.StateChanged) -> None:
        logger.debug("ICE transport=%s state=%s", self.id, event.state)
        self._context.notifier.notify(self.id, "icestatechange", _STATE_CHANGES[event.state])
        if event.state in _REACHABLE:
            self._owner.on_reachable()
        else:
            self._plane.set_destination(None, None)
            self._owner.on_unreachable()

    def _on_fragment_added(self, event: ice.UsernameFragmentAdded) -> None:
        self._sockets.expect(event.username_fragment, self._plane)
        if self._server is not None:
            self._server.add_username_fragment(event.username_fragment, self)

    def _on_fragment_removed(self, event: ice.UsernameFragmentRemoved) -> None:
        self._sockets.forget(event.username_fragment)
        if self._server is not None:
            self._server.remove_username_fragment(event.username_fragment)

    def _watch_consent(self) -> None:
        """Keeps one timer; a check that came meanwhile moves the deadline, not the timer."""
        deadline_us = self._agent.timeout_us()
        if deadline_us is not None and not self._consent.is_set:
            self._consent.set(max(deadline_us - self._context.scheduler.now_us(), 0))

    def _on_consent_over(self) -> None:
        self._consent.set(AFTER_FAULT_US)  # should what follows meet a fault
        self._catch_up()
        now_us = self._context.scheduler.now_us()
        patience_us = self._context.scheduler.stood_until_us() + TUPLE_HOLD_US - now_us
        if patience_us > 0:
            self._consent.set(patience_us)  # his checks wait in the socket, or did not fit there: he sends others
            return
        self._apply(self._agent.handle_timeout(now_us))
        self._consent.stop()
        self._watch_consent()


_STATE_CHANGES = {state: IceStateChange(ice_state=state.value) for state in IceState}
_REACTIONS: dict[type, Callable[..., None]] = {
    ice.Reply: IceSession._on_reply,
    ice.TupleAdded: IceSession._on_tuple_added,
    ice.TupleRemoved: IceSession._on_tuple_removed,
    ice.SelectedTupleChanged: IceSession._on_selected,
    ice.PathLost: IceSession._on_path_lost,
    ice.StateChanged: IceSession._on_state,
    ice.UsernameFragmentAdded: IceSession._on_fragment_added,
    ice.UsernameFragmentRemoved: IceSession._on_fragment_removed,
}


def _end_of(tuple_: IceTuple) -> UdpSocket | TcpConnection:
    assert isinstance(tuple_.socket, (UdpSocket, TcpConnection))
    return tuple_.socket


def _tuple_body(tuple_: IceTuple) -> TransportTuple:
    local_ip, local_port = tuple_.local_address
    remote_ip, remote_port = tuple_.remote_address
    return TransportTuple(
        local_ip=local_ip,
        local_port=local_port,
        protocol=tuple_.protocol,
        remote_ip=remote_ip,
        remote_port=remote_port,
    )
