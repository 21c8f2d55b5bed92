"""Types of ``cipher.pyx``: session keys. Only other compiled modules protect and open packets with them."""

from typing import Self

from miso.worker.srtp_suite import SrtpSuite

def parts_here() -> int:
    """What this CPU has of what ``choice`` names; without ``choice.AES`` no keys can be made."""

def in_use() -> int:
    """The parts that are used, 0 where the code cannot run."""

def use(parts: int) -> int:
    """From now on no more than these parts are used; gives those that are, 0 where the code cannot run."""

class SessionKeys:
    """The session keys of one master key; wiped when nobody holds them any more."""

    def __new__(
        cls, suite: SrtpSuite, key: bytes, *, rtcp: bool = False, salt: bytes | None = None, auth_key: bytes = b""
    ) -> Self:
        """From a master key followed by its salt, or with ``salt`` from the keys that packets are protected with.

        ``rtcp``: for RTCP, which has keys, and with AES_CM_128_HMAC_SHA1_32 a tag, of its own.
        Test vectors give the latter; ``auth_key`` is empty for GCM.

        Raises:
            ValueError: Wrong lengths, or the code cannot run.
        """

def derive(suite: SrtpSuite, key: bytes, *, rtcp: bool = False) -> tuple[bytes, bytes, bytes]:
    """The session's encryption key, salt and (not with GCM) key for HMAC of a master key with its salt."""
