"""Types of ``libsrtp.pyx``: SRTP through libsrtp. Only other compiled modules protect and unprotect."""

from typing import Self

from miso.worker.srtp.incoming import Incoming
from miso.worker.srtp.outgoing import Protection
from miso.worker.srtp.srtcp import OutgoingRtcp
from miso.worker.srtp_suite import SrtpSuite

KNOWN_VERSIONS: str
REPLAY_WINDOW: int
TRAILER_SIZE: int

def load() -> None:
    """Imports pylibsrtp, which takes 20 ms and 5 MB; the first session does it when nobody has before. Idempotent.

    Raises:
        ImportError: pylibsrtp is missing, or a version that keeps its functions or policies elsewhere.
    """

class SessionPolicy:
    """All that sessions of one suite have in common, and room for the key of the one that is being made."""

    def __new__(cls, suite: SrtpSuite, inbound: bool) -> Self: ...

class SrtpSession:
    """One libsrtp session, for all SSRCs that come in or all that go out with it."""

    def __new__(cls, suite: SrtpSuite, key: bytes, *, inbound: bool) -> Self: ...

class LibsrtpIncoming(Incoming):
    """What comes in, opened by libsrtp."""

    def __init__(self, suite: SrtpSuite, key: bytes) -> None: ...

class LibsrtpRtcp(OutgoingRtcp):
    """RTCP that goes out, protected by libsrtp."""

    def __init__(self, suite: SrtpSuite, key: bytes) -> None: ...

class LibsrtpProtection(Protection):
    """A sender's packets protected by libsrtp, one after the other."""

    def __init__(self, suite: SrtpSuite, key: bytes) -> None: ...
