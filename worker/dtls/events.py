"""What a DTLS association tells, and its roles and states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from miso.worker.srtp_suite import SrtpSuite


class DtlsRole(StrEnum):
    """Who begins the handshake: the client; "auto" is undecided."""

    AUTO = "auto"
    CLIENT = "client"
    SERVER = "server"


class DtlsState(StrEnum):
    """States with the names that the API uses; failed and closed are final."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class DatagramToSend:
    """Send this to the peer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Another state; the change to connected comes as Connected instead."""

    state: DtlsState


@dataclass(frozen=True, slots=True)
class Connected:
    """The peer is who the fingerprint says.

    Attributes:
        srtp_suite: The negotiated profile.
        remote_key: Master key and master salt of what the peer sends.
        local_key: Master key and master salt of what we send.
        remote_certificate: The peer's certificate in PEM form.
    """

    srtp_suite: SrtpSuite
    remote_key: bytes
    local_key: bytes
    remote_certificate: str


@dataclass(frozen=True, slots=True)
class ApplicationData:
    """One message of the peer (SCTP, RFC 8261)."""

    data: bytes


DtlsEvent = DatagramToSend | StateChanged | Connected | ApplicationData
