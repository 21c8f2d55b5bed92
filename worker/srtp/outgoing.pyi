"""Types of ``outgoing.pyx``: what a sender protects its packets with. Other compiled modules have more of it."""

from collections.abc import Iterable, Sequence

from miso.worker.srtp.cipher import SessionKeys

class Protection:
    """What a sender asks before it sends a packet: whether it may, and how long it will be."""

class OutgoingSrtp(Protection):
    """One sender's packets under a transport's keys: the index of each of its SSRCs, at most two, begins at 0."""

    def __init__(self, keys: SessionKeys, ssrcs: Iterable[int] = ()) -> None: ...
    def protect(self, packets: Sequence[bytes], *, is_repeat: bool = False) -> list[bytes | None]:
        """Protects packets together; None for one that is refused: no RTP, of another SSRC, its index used or old.

        ``is_repeat``: an index that is used may be used again, the caller knows that the packet is the same.

        Raises:
            ValueError: A packet has more than 65,535 bytes.
        """
