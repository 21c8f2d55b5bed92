"""Types of ``openssl.pyx``: DTLS by the OpenSSL inside the cryptography wheel."""

from typing import Self

from OpenSSL import SSL

def load() -> None:
    """Imports cryptography, which takes 50 ms; the first context does it when nobody has before. Idempotent.

    Raises:
        ImportError: A version of cryptography that keeps OpenSSL's functions elsewhere, or has others.
    """

class Context:
    """What all connections with one certificate have in common."""

    def __init__(self, context: SSL.Context) -> None:
        """Lets any certificate pass that a peer may have: who has it looks at its fingerprint afterwards.

        Raises:
            ImportError: As ``load``, or a version of pyOpenSSL that keeps its context elsewhere.
        """

class Connection:
    """One DTLS connection of OpenSSL's, between two memory BIOs.

    ``datagrams`` is to be asked after each of the others that may have made OpenSSL say something.
    """

    @property
    def handshake_done(self) -> bool:
        """Whether the handshake is over, and data may come."""
    @property
    def ended(self) -> bool:
        """Whether all is over: the peer's goodbye, a fatal alert, or a handshake that cannot go on."""
    @property
    def has_more(self) -> bool:
        """Whether ``go_on`` has something to do."""
    def __new__(cls, context: Context, *, is_server: bool, mtu: int) -> Self:
        """Begins nothing; no datagram will have more than ``mtu`` bytes but for a record that alone has more."""
    def begin(self) -> None:
        """The client's first flight, which is what ``datagrams`` has then."""
    def receive(self, datagram: bytes) -> list[bytes]:
        """Takes a datagram of DTLS; gives the messages that are read from it.

        It stops where the handshake is over, so that the peer can be judged before more is read.
        """
    def go_on(self) -> list[bytes]:
        """Works on what ``receive`` has left; gives messages as that does."""
    def send(self, data: bytes) -> None:
        """Encrypts one message, of at most 16,384 bytes; ``ended`` when that fails."""
    def shut_down(self) -> None:
        """Says goodbye, where the handshake is far enough."""
    def datagrams(self) -> list[bytes]:
        """What OpenSSL wants to send: whole records, as many as fit a datagram together."""
    def timeout_us(self) -> int | None:
        """In how many microseconds ``handle_timeout`` is due, by the real clock; None: not at all."""
    def handle_timeout(self) -> None:
        """Sends the last flight again if that is due; ``ended`` after too many times."""
    def peer_certificate(self) -> bytes | None:
        """In DER form; None when there is none."""
    def srtp_profile(self) -> str | None:
        """OpenSSL's name of the protection profile that is agreed; None: none is."""
    def export_keying_material(self, label: bytes, size: int) -> bytes | None:
        """So many bytes (RFC 5705), without a context; None, and ``ended``, when there are none."""
