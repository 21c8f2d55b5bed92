"""What a DTLS association tells, and its roles and states."""

from __future__ import annotations

from enum import StrEnum

import msgspec

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


class DatagramToSend(msgspec.Struct, frozen=True):
    """Send this to the peer."""

    data: bytes


class StateChanged(msgspec.Struct, frozen=True):
    """Another state; the change to connected comes as Connected instead."""

    state: DtlsState


class Connected(msgspec.Struct, frozen=True):
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


class ApplicationData(msgspec.Struct, frozen=True):
    """One message of the peer (SCTP, RFC 8261)."""

    data: bytes


DtlsEvent = DatagramToSend | StateChanged | Connected | ApplicationData
