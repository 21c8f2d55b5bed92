"""Who checks: peers on sockets of their own, each with a WebRtcTransport of which ICE is connected; and the answers."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Final

from bench.readable import is_readable
from miso.worker.errors import ParseError
from miso.worker.ice import stun

_RECEIVE_BUFFER = 1 << 20
_RECEIVE_SIZE = 2048
FRAGMENT: Final = "0" * 32  # as long as those of a transport
PASSWORD: Final = "1" * 32


class Peer:
    """One of them.

    Attributes:
        answered: How many of its checks were answered as they should be.
    """

    def __init__(self, address: tuple[str, int], fragment: str, password: str) -> None:
        """Of a transport with this candidate, username fragment and password."""
        self.answered = 0
        self._username = f"{fragment}:peer"
        self._password = password
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.connect(address)
        self._address: tuple[str, int] = self._socket.getsockname()
        self._made = 0
        self._waiting: set[bytes] = set()  # transaction ids of what was made and is not answered
        self._unseen: list[bytes] = []  # what came, and nobody has looked at

    def close(self) -> None:
        """Checks no more. Idempotent."""
        self._socket.close()

    def make_check(self) -> bytes:
        """The next check, which takes longer than to send it; each nominates, as a browser's does."""
        self._made += 1
        transaction_id = self._made.to_bytes(stun.TRANSACTION_ID_SIZE, "big")
        self._waiting.add(transaction_id)
        return stun.build(
            stun.MessageClass.REQUEST,
            transaction_id,
            username=self._username,
            password=self._password,
            priority=1,
            ice_controlling=1,
            use_candidate=True,
        )

    def send(self, check: bytes) -> None:
        """Sends what ``make_check`` made."""
        self._socket.send(check)

    def wait(self, patience_s: float) -> None:
        """Reads one answer, or none when none comes for so long; what is in it is seen later."""
        if is_readable(self._socket, patience_s):
            self._unseen.append(self._socket.recv(_RECEIVE_SIZE))

    def take_answers(self) -> None:
        """Reads what has come, and looks at it; the same answer twice counts once."""
        with suppress(BlockingIOError):
            while True:
                self._unseen.append(self._socket.recv(_RECEIVE_SIZE, socket.MSG_DONTWAIT))
        for data in self._unseen:
            transaction_id = self._answered_by(data)
            if transaction_id in self._waiting:
                self._waiting.remove(transaction_id)
                self.answered += 1
        self._unseen.clear()

    def wait_for_all(self, patience_s: float) -> bool:
        """Takes answers until none is missing any more: whether that is so after so long."""
        until = time.monotonic() + patience_s
        self.take_answers()
        while self._waiting and time.monotonic() < until:
            self.wait(max(until - time.monotonic(), 0))
            self.take_answers()
        return not self._waiting

    def _answered_by(self, data: bytes) -> bytes | None:
        """The transaction's id, if it is an answer and all of it is right."""
        try:
            answer = stun.parse(data)
        except ParseError:
            return None
        is_good = (
            answer.message_class == stun.MessageClass.SUCCESS_RESPONSE
            and answer.xor_mapped_address == self._address
            and answer.verify_integrity(self._password)
            and (not answer.fingerprint_offset or answer.verify_fingerprint())
        )
        return answer.transaction_id if is_good else None


class EchoPeer(Peer):
    """One who checks with the floor, and gets back what it sent."""

    def __init__(self, port: int) -> None:
        """On 127.0.0.1."""
        super().__init__(("127.0.0.1", port), FRAGMENT, PASSWORD)

    def _answered_by(self, data: bytes) -> bytes | None:
        return stun.parse(data).transaction_id
