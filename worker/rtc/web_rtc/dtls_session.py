"""DTLS of one WebRtcTransport: the handshake, the SRTP keys it gives, and what is sent over it.

https://www.rfc-editor.org/rfc/rfc5764.html (keys for SRTP)
https://www.rfc-editor.org/rfc/rfc8261.html (SCTP over DTLS)
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import Protocol

from miso.worker.channel.events import DtlsStateChange
from miso.worker.dataplane import TransportPlane
from miso.worker.dtls.events import (
    ApplicationData,
    Connected,
    DatagramToSend,
    DtlsEvent,
    DtlsRole,
    DtlsState,
    StateChanged,
)
from miso.worker.dtls.fingerprint import Fingerprint
from miso.worker.dtls.transport import DtlsTransport
from miso.worker.faults import AFTER_FAULT_US, attempt
from miso.worker.rtc.alarm import Alarm
from miso.worker.rtc.context import Context
from miso.worker.rtc.log_rate_limit import LogRateLimit

logger = logging.getLogger(__name__)

_MAX_WAITING = 32  # datagrams of a handshake; the longest flights, with an RSA-4096 certificate, have six


class DtlsOwner(Protocol):
    """What DTLS asks of its transport."""

    id: str

    def on_dtls_connected(self) -> None:
        """The peer is who it said, and the plane has the SRTP keys."""

    def on_dtls_closed(self) -> None:
        """The peer said goodbye, or we did."""

    def on_dtls_data(self, data: bytes) -> None:
        """Data came over the connection."""


class DtlsSession:
    """One DTLS association with the peer.

    Attributes:
        id: Of the transport.
        role: Ours; ``auto`` until the peer's is known or the handshake has begun.
    """

    def __init__(self, context: Context, owner: DtlsOwner, plane: TransportPlane) -> None:
        """Waits for ``start``; ``plane`` is the transport's, which sends the datagrams and gets the keys."""
        self.id = owner.id
        self.role = DtlsRole.AUTO
        self._context = context
        self._owner: DtlsOwner = weakref.proxy(owner)  # whom it goes with, without a search for cycles
        self._plane = plane
        self._dtls = DtlsTransport(context.certificate)
        self._timer = Alarm(context.scheduler, self, DtlsSession._on_timer)
        self._waiting: list[bytes] = []  # of a handshake, for their turn
        self._lost = LogRateLimit()

    @property
    def state(self) -> DtlsState:
        """Of the association."""
        return self._dtls.state

    def set_remote(self, fingerprint: Fingerprint, role: DtlsRole) -> None:
        """The peer has this certificate, and we have this role unless the handshake has begun with another."""
        self.role = role
        self._apply(self._dtls.set_remote_fingerprint(fingerprint))
        if self._dtls.state == DtlsState.CONNECTED:  # the handshake was waiting for the fingerprint
            self.role = self._dtls.role or self.role

    def start(self) -> None:
        """The peer can be reached: begins the handshake, as the server while the peer's role is unknown.

        Also as the client it does not wait for the nomination, since some browsers nominate late. No effect once the
        handshake is over.
        """
        if self._dtls.state not in (DtlsState.NEW, DtlsState.CONNECTING):
            return
        if self.role == DtlsRole.AUTO:
            self.role = DtlsRole.SERVER
        self._apply(self._dtls.start(self.role, self._context.scheduler.now_us()))
        self._watch()

    def receive(self, data: bytes, now_us: int) -> None:
        """A DTLS datagram came over a valid tuple.

        One of a handshake takes up to 0.5 ms. When many come at once each waits for a turn in which there is time for
        it; DTLS repeats what is lost because too many wait.
        """
        if not self._waiting and self._dtls.state != DtlsState.CONNECTING:
            self._take(data, now_us)
        elif len(self._waiting) < _MAX_WAITING:
            self._waiting.append(data)
            if len(self._waiting) == 1:
                self._context.scheduler.call_soon(self._take_waiting)
        elif self._lost.is_due(now_us):
            logger.warning("%d DTLS datagrams of a handshake too many transport=%s", self._lost.count, self.id)

    def send(self, data: bytes) -> None:
        """Sends data once connected."""
        if self._dtls.state == DtlsState.CONNECTED:
            self._apply(self._dtls.send(data))

    def close(self) -> None:
        """Says goodbye."""
        self._waiting.clear()
        self._timer.stop()
        self._apply(self._dtls.close())

    # ------------------------------------------------------------ own

    def _take_waiting(self) -> None:
        if not self._waiting:  # closed
            return
        data = self._waiting.pop(0)
        if self._waiting:  # first: it goes on whatever this one meets
            self._context.scheduler.call_soon(self._take_waiting)
        self._take(data, self._context.scheduler.now_us())

    def _take(self, data: bytes, now_us: int) -> None:
        try:
            self._apply(self._dtls.receive(data, now_us))
        except BaseException:
            self._timer.set(AFTER_FAULT_US)
            raise
        self._watch()

    def _apply(self, events: list[DtlsEvent]) -> None:
        """Does what the association says; each message of the peer is a unit of work."""
        for event in events:
            attempt(self, _REACTIONS[type(event)], self, event)

    def _on_datagram(self, event: DatagramToSend) -> None:
        self._plane.send(event.data)

    def _on_data(self, event: ApplicationData) -> None:
        self._owner.on_dtls_data(event.data)

    def _on_connected(self, event: Connected) -> None:
        logger.debug("DTLS transport=%s state=connected srtp_suite=%r", self.id, event.srtp_suite)
        self._plane.set_srtp(event.srtp_suite, event.remote_key, event.local_key)
        self._context.notifier.notify(
            self.id,
            "dtlsstatechange",
            DtlsStateChange(dtls_state="connected", dtls_remote_cert=event.remote_certificate),
        )
        self._owner.on_dtls_connected()

    def _on_state(self, event: StateChanged) -> None:
        logger.debug("DTLS transport=%s state=%s", self.id, event.state)
        self._context.notifier.notify(self.id, "dtlsstatechange", _STATE_CHANGES[event.state])
        if event.state == DtlsState.CLOSED:
            self._owner.on_dtls_closed()

    def _watch(self) -> None:
        now_us = self._context.scheduler.now_us()
        deadline_us = self._dtls.timeout_us(now_us)
        if deadline_us is None:
            self._timer.stop()
        else:
            self._timer.set(max(deadline_us - now_us, 0))

    def _on_timer(self) -> None:
        self._timer.set(AFTER_FAULT_US)  # should what follows meet a fault
        self._dtls.wait_anew(self._context.scheduler.stood_until_us())
        self._apply(self._dtls.handle_timeout(self._context.scheduler.now_us()))
        self._watch()


_REACTIONS: dict[type, Callable[..., None]] = {
    DatagramToSend: DtlsSession._on_datagram,
    Connected: DtlsSession._on_connected,
    StateChanged: DtlsSession._on_state,
    ApplicationData: DtlsSession._on_data,
}
_STATE_CHANGES = {state: DtlsStateChange(dtls_state=state.value) for state in DtlsState}
