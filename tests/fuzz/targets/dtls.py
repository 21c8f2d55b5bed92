"""DTLS entry: a server fresh from start, and one connected, get any datagram."""

from __future__ import annotations

from worker.dtls import Certificate, DatagramToSend, DtlsEvent, DtlsRole, DtlsTransport

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
_running = DtlsTransport(CERTIFICATE)


def run(data: bytes) -> None:
    """Never raises: what is not DTLS is dropped, what breaks a handshake ends it."""
    global _running
    if _running.role is None or _running.state != "connecting":
        _running = DtlsTransport(CERTIFICATE)
        _running.start(DtlsRole.SERVER, 0)
    _running.receive(data, 0)
    fresh = DtlsTransport(CERTIFICATE)
    fresh.start(DtlsRole.CLIENT, 0)
    fresh.receive(data, 0)
