"""A browser's half of the path, over one UDP socket or TCP connection: ICE checks and DTLS."""

from __future__ import annotations

import itertools
import selectors
import socket
from collections.abc import Iterator

from miso.worker.channel.bodies.transport import ConnectRequest, DtlsFingerprint, DtlsParameters, WebRtcTransportDump
from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import Connected, DatagramToSend, DtlsEvent, DtlsRole
from miso.worker.dtls.transport import DtlsTransport
from miso.worker.ice import stun
from miso.worker.ice.stun import MessageClass
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from miso.worker.rtp.packet import DatagramKind, classify
from tests.patience import PATIENCE_S
from tests.worker.rtc.world import World

_TRANSACTIONS = itertools.count(1)
CERTIFICATE = Certificate()


def framed(datagram: bytes) -> bytes:
    """As it goes over TCP (RFC 4571 section 2)."""
    return len(datagram).to_bytes(2, "big") + datagram


class WebRtcPeer:
    """Speaks to the candidate ``index`` of a transport, from a socket of its own."""

    def __init__(self, world: World, dump: WebRtcTransportDump, index: int = 0) -> None:
        candidate = dump.ice_candidates[index]
        self.world = world
        self.is_tcp = candidate.protocol == "tcp"
        self.remote = (candidate.ip, candidate.port)
        self.local_ufrag, self.local_password = dump.ice_parameters.username_fragment, dump.ice_parameters.password
        family = socket.AF_INET6 if ":" in candidate.ip else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.is_tcp else socket.SOCK_DGRAM)
        self.socket.connect(self.remote)
        self.socket.settimeout(PATIENCE_S)
        self.received = b""  # over TCP, and not yet taken apart
        self.answers: list[stun.StunMessage] = []
        self.dtls = DtlsTransport(CERTIFICATE)
        self.dtls_events: list[DtlsEvent] = []
        self.media: list[bytes] = []
        self.gone = False

    @property
    def address(self) -> tuple[str, int]:
        ip, port = self.socket.getsockname()[:2]
        return (str(ip), int(port))

    def send(self, data: bytes) -> None:
        self.socket.send(framed(data) if self.is_tcp else data)

    def check(self, **fields: object) -> None:
        """Sends a connectivity check; it nominates unless told otherwise."""
        values: dict[str, object] = {
            "username": f"{self.local_ufrag}:peer",
            "priority": 1,
            "ice_controlling": 1,
            "use_candidate": True,
            "password": self.local_password,
        } | fields
        self.send(stun.build(MessageClass.REQUEST, next(_TRANSACTIONS).to_bytes(12, "big"), **values))  # type: ignore[arg-type]

    def adopt(self, dump: WebRtcTransportDump) -> None:
        """Takes new credentials, after an ICE restart."""
        self.local_ufrag, self.local_password = dump.ice_parameters.username_fragment, dump.ice_parameters.password

    def work(self) -> None:
        """Lets the worker work, then reads what it has sent."""
        self.world.pump()
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            while not self.gone and selector.select(0):
                self._read()

    def connect_ice(self) -> None:
        self.check()
        self.work()
        assert self.answers[-1].message_class == MessageClass.SUCCESS_RESPONSE

    def connect_dtls(self, transport: WebRtcTransport, role: DtlsRole = DtlsRole.CLIENT) -> Connected:
        """Tells each side the other's fingerprint, and shakes hands."""
        own = CERTIFICATE.fingerprints[2]
        transport.connect(
            ConnectRequest(
                dtls_parameters=DtlsParameters(
                    role=role.value, fingerprints=[DtlsFingerprint(algorithm=own.algorithm, value=own.value)]
                )
            )
        )
        self.dtls.set_remote_fingerprint(transport.context.certificate.fingerprints[2])
        self._apply(self.dtls.start(role, 0))
        for _ in range(10):
            self.work()
            connected = [event for event in self.dtls_events if isinstance(event, Connected)]
            if connected:
                self.work()
                return connected[0]
        raise AssertionError("no DTLS handshake")

    def _read(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if self.is_tcp and not data:
            self.gone = True
        for datagram in self._unframed(data) if self.is_tcp else [data]:
            kind = classify(datagram, len(datagram))
            if kind == DatagramKind.STUN:
                self.answers.append(stun.parse(datagram))
            elif kind == DatagramKind.DTLS:
                self._apply(self.dtls.receive(datagram, 0))
            else:
                self.media.append(datagram)

    def _unframed(self, data: bytes) -> Iterator[bytes]:
        self.received += data
        while len(self.received) >= 2 and len(self.received) >= 2 + (size := int.from_bytes(self.received[:2], "big")):
            yield self.received[2 : 2 + size]
            self.received = self.received[2 + size :]

    def _apply(self, events: list[DtlsEvent]) -> None:
        for event in events:
            if isinstance(event, DatagramToSend):
                self.send(event.data)
            else:
                self.dtls_events.append(event)

    def close(self) -> None:
        self.socket.close()
