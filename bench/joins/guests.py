"""``python -m bench.joins.guests``: who joins. Told what to do by lines of JSON, answers each with one.

::

    → (begins)                                             {"algorithm": "sha-256", "value": "AB:CD:…"}
    {"ufrag":, "password":, "ip":, "port":, "ssrc":}       {}              somebody more joins, and has not yet begun
    {"handshake": [first, last]}                           {"done": 10}    these check, and shake hands
    {"leave": 3}                                           {}              somebody is gone
    {"expect": 5}                                          {"arrived": 50, "other": 0}   packets of each, deciphered
"""

from __future__ import annotations

import json
import socket
import sys
import time

from pylibsrtp import Error, Policy, Session

from bench.readable import is_readable
from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.events import Connected, DatagramToSend, DtlsEvent, DtlsRole
from miso.worker.dtls.fingerprint import Fingerprint
from miso.worker.dtls.transport import DtlsTransport, is_dtls
from miso.worker.ice import stun
from miso.worker.srtp_suite import SrtpSuite

PATIENCE_S = 60.0
AGAIN_S = 0.5
_PROFILES = {
    SrtpSuite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    SrtpSuite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    SrtpSuite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpSuite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
_RECEIVE_BUFFER = 1 << 20


class Guest:
    """One who joins, as the DTLS client."""

    def __init__(self, certificate: Certificate, told: dict[str, str | int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self.socket.connect((told["ip"], told["port"]))
        self.numbers: set[int] = set()  # of packets that came and could be deciphered
        self.other = 0  # what came and was none
        self._told = told
        self._dtls = DtlsTransport(certificate)
        self._session: Session | None = None

    def handshake(self) -> bool:
        """Checks, and shakes hands: whether it succeeded."""
        check = stun.build(
            stun.MessageClass.REQUEST,
            b"bench.joins."[:12],
            username=f"{self._told['ufrag']}:guest",
            password=str(self._told["password"]),
            priority=1,
            ice_controlling=1,
            use_candidate=True,
        )
        until = time.monotonic() + PATIENCE_S
        self.socket.send(check)
        while not is_readable(self.socket, AGAIN_S) and time.monotonic() < until:
            self.socket.send(check)
        self._work(self._dtls.start(DtlsRole.CLIENT, 0))
        while self._session is None and time.monotonic() < until:
            if is_readable(self.socket, AGAIN_S):
                self._read()
            else:
                self._work(self._dtls.handle_timeout(0))
        return self._session is not None

    def receive(self, count: int) -> None:
        """Reads until so many packets have come, or none comes any more."""
        until = time.monotonic() + PATIENCE_S
        while len(self.numbers) < count and time.monotonic() < until and is_readable(self.socket, AGAIN_S):
            self._read()

    def _read(self) -> None:
        datagram = self.socket.recv(4096)
        if is_dtls(datagram):
            self._work(self._dtls.receive(datagram, 0))
        elif self._session is not None and datagram[0] >> 6 == 2 and not 192 <= datagram[1] <= 223:
            try:
                packet = self._session.unprotect(datagram)
            except Error:
                self.other += 1
                return
            if int.from_bytes(packet[8:12], "big") == self._told["ssrc"]:
                self.numbers.add(int.from_bytes(packet[2:4], "big"))

    def _work(self, events: list[DtlsEvent]) -> None:
        for event in events:
            if isinstance(event, DatagramToSend):
                self.socket.send(event.data)
            elif isinstance(event, Connected):
                policy = Policy(event.remote_key, Policy.SSRC_ANY_INBOUND, srtp_profile=_PROFILES[event.srtp_suite])
                self._session = Session(policy)

    def expect(self, algorithm: str, value: str) -> None:
        """The worker's certificate."""
        self._dtls.set_remote_fingerprint(Fingerprint(algorithm, value))


def main() -> None:
    """Until the lines end."""
    certificate = Certificate()
    guests: list[Guest] = []
    own = next(each for each in certificate.fingerprints if each.algorithm == "sha-256")
    answer: dict[str, str | int] = {"algorithm": own.algorithm, "value": own.value}
    print(json.dumps(answer), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        answer = {}
        if "handshake" in told:
            first, last = told["handshake"]
            answer = {"done": sum(guest.handshake() for guest in guests[first:last])}
        elif "leave" in told:
            guests[told["leave"]].socket.close()
        elif "expect" in told:
            for guest in guests:
                guest.receive(told["expect"])
            answer = {
                "arrived": sum(len(guest.numbers) for guest in guests),
                "other": sum(guest.other for guest in guests),
            }
        else:
            guests.append(Guest(certificate, told))
            guests[-1].expect(told["algorithm"], told["value"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
