"""DTLS entry: a server fresh from start, and one connected, get any datagram."""

from __future__ import annotations

from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import DatagramToSend, DtlsEvent, DtlsRole, DtlsState
from miso.worker.dtls.transport import DtlsTransport

CERTIFICATE = Certificate()


def datagrams(events: list[DtlsEvent]) -> list[bytes]:
    return [event.data for event in events if isinstance(event, DatagramToSend)]


def record() -> list[bytes]:
    """All datagrams of a good handshake, and one with application data."""
    ends = [DtlsTransport(CERTIFICATE), DtlsTransport(CERTIFICATE)]
    for end in ends:
        end.set_remote_fingerprint(CERTIFICATE.fingerprints[2])
    ends[1].start(DtlsRole.SERVER, 0)
    waiting = [(1, data) for data in datagrams(ends[0].start(DtlsRole.CLIENT, 0))]
    seen = []
    while waiting:
        to, data = waiting.pop(0)
        seen.append(data)
        waiting += [(1 - to, answer) for answer in datagrams(ends[to].receive(data, 0))]
    return seen + datagrams(ends[0].send(b"data"))


SEEDS = record()
RENEWED_AFTER = 64
"""Inputs until an end begins anew even if its handshake still goes on: each start costs a key pair."""


class _End:
    """An end of a handshake, given one datagram after another."""

    def __init__(self, role: DtlsRole) -> None:
        self._role = role
        self._begin()

    def _begin(self) -> None:
        self._transport = DtlsTransport(CERTIFICATE)
        self._transport.start(self._role, 0)
        self._received = 0

    def receive(self, data: bytes) -> None:
        if self._transport.state != DtlsState.CONNECTING or self._received == RENEWED_AFTER:
            self._begin()
        self._received += 1
        self._transport.receive(data, 0)


_ends = [_End(DtlsRole.SERVER), _End(DtlsRole.CLIENT)]


def run(data: bytes) -> None:
    """Never raises: what is not DTLS is dropped, what breaks a handshake ends it."""
    for end in _ends:
        end.receive(data)
