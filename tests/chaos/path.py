"""A peer's half of a WebRTC transport over a real UDP socket: ICE checks with consent, DTLS, SRTP."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import Connected, DatagramToSend, DtlsEvent, DtlsRole
from miso.worker.dtls.fingerprint import Fingerprint
from miso.worker.dtls.transport import DtlsTransport
from miso.worker.ice import stun
from miso.worker.ice.stun import MessageClass
from tests.scenarios.protection import SrtpProtection

CERTIFICATE = Certificate()
SUITES = {
    0x0008: "AEAD_AES_256_GCM",
    0x0007: "AEAD_AES_128_GCM",
    0x0001: "AES_CM_128_HMAC_SHA1_80",
    0x0002: "AES_CM_128_HMAC_SHA1_32",
}
CHECK_INTERVAL_S = 2.5  # as browsers check (RFC 7675 section 5.1 wants 4 to 6 s at most)
CONNECT_TIMEOUT_S = 60.0
_READS = 64
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_SO_TIMESTAMPNS = 35  # Linux: the kernel tells when a datagram came, however late it is read
_TIMESPEC = struct.Struct("qq")
_TRANSACTIONS = itertools.count(1)


class MediaPath:
    """Joins one transport of the server, and carries RTP and RTCP over it.

    Attributes:
        socket: What it sends from.
        remote: The server's candidate, ``(ip, port)``.
        ufrag, password: The server's ICE credentials.
        on_rtp: Called with each RTP packet and when it came, in seconds of the monotonic clock.
        refused: Connectivity checks that were answered with an error.
    """

    def __init__(self, transport: dict[str, Any], ip: str = "127.0.0.1") -> None:
        """Opens a socket to where the server listens.

        Args:
            transport: What the server answered to ``createWebRtcTransport``.
            ip: Of this host, to send from.
        """
        candidate = next(one for one in transport["iceCandidates"] if one["protocol"] == "udp")
        self.remote = (str(candidate["ip"]), int(candidate["port"]))
        self.ufrag: str = transport["iceParameters"]["usernameFragment"]
        self.password: str = transport["iceParameters"]["password"]
        self.on_rtp: Callable[[bytes, float], None] = lambda packet, now_s: None
        self.refused = 0
        self._fingerprint = _sha256(transport["dtlsParameters"]["fingerprints"])
        self._dtls = DtlsTransport(CERTIFICATE)
        self._protection: SrtpProtection | None = None
        self._answered, self._connected = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._checks: asyncio.Task[None] | None = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.socket.bind((ip, 0))
        self.socket.connect(self.remote)
        self.socket.setblocking(False)
        self._loop.add_reader(self.socket.fileno(), self._read)

    @property
    def dtls_parameters(self) -> dict[str, object]:
        """For ``connectWebRtcTransport``."""
        own = CERTIFICATE.fingerprints[2]
        return {"role": "client", "fingerprints": [{"algorithm": own.algorithm, "value": own.value}]}

    async def connect(self) -> None:
        """ICE, then the DTLS handshake as client. Raises TimeoutError."""
        self._checks = asyncio.create_task(self._check())
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await self._answered.wait()
            self._dtls.set_remote_fingerprint(self._fingerprint)
            self._apply(self._dtls.start(DtlsRole.CLIENT, _now_us()))
            while not self._connected.is_set():
                due_us = self._dtls.timeout_us(_now_us())
                wait_s = 0.1 if due_us is None else max(0.01, (due_us - _now_us()) / 1_000_000)
                try:
                    await asyncio.wait_for(self._connected.wait(), wait_s)
                except TimeoutError:
                    self._apply(self._dtls.handle_timeout(_now_us()))

    def check(self) -> bytes:
        """A connectivity check that nominates."""
        return stun.build(
            MessageClass.REQUEST,
            next(_TRANSACTIONS).to_bytes(12, "big"),
            username=f"{self.ufrag}:chaos",
            priority=1,
            ice_controlling=1,
            use_candidate=True,
            password=self.password,
        )

    def send_rtp(self, packet: bytes) -> None:
        """Protects and sends a packet."""
        assert self._protection is not None, "not connected"
        self.send(self._protection.protect(packet, is_rtcp=False))

    def send_rtcp(self, packet: bytes) -> None:
        """Protects and sends a compound packet."""
        assert self._protection is not None, "not connected"
        self.send(self._protection.protect(packet, is_rtcp=True))

    def send(self, data: bytes) -> None:
        """Sends a datagram; what the kernel does not take is lost, as on any network."""
        try:
            self.socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            return

    def close(self) -> None:
        """Falls silent."""
        if self._checks is not None:
            self._checks.cancel()
        self._loop.remove_reader(self.socket.fileno())
        self.socket.close()

    async def _check(self) -> None:
        while True:
            self.send(self.check())
            await asyncio.sleep(CHECK_INTERVAL_S if self._answered.is_set() else 0.1)

    def _read(self) -> None:
        for _ in range(_READS):
            try:
                data, ancillary, _, _ = self.socket.recvmsg(2048, socket.CMSG_SPACE(_TIMESPEC.size))
            except (BlockingIOError, ConnectionRefusedError):
                return
            if data[0] < 4:
                self._on_stun(data)
            elif data[0] < 64:
                self._apply(self._dtls.receive(data, _now_us()))
            elif self._protection is not None and not 192 <= data[1] <= 223:
                packet = self._protection.unprotect(data, is_rtcp=False)
                if packet is not None:
                    self.on_rtp(packet, _came_s(ancillary))

    def _on_stun(self, data: bytes) -> None:
        if stun.parse(data).message_class is MessageClass.SUCCESS_RESPONSE:
            self._answered.set()
        else:
            self.refused += 1

    def _apply(self, events: list[DtlsEvent]) -> None:
        for event in events:
            if isinstance(event, DatagramToSend):
                self.send(event.data)
            elif isinstance(event, Connected):
                self._protection = SrtpProtection(SUITES[event.srtp_suite], event.local_key, event.remote_key)
                self._connected.set()


def _sha256(fingerprints: list[dict[str, str]]) -> Fingerprint:
    found = next(one for one in fingerprints if one["algorithm"] == "sha-256")
    return Fingerprint(found["algorithm"], found["value"])


def _came_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When the kernel got a datagram; it tells the time since 1970."""
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    age_s: float = time.time() - (seconds + nanoseconds / 1e9)
    return time.monotonic() - max(0.0, age_s)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
