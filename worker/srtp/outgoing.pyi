"""Types of ``outgoing.pyx``: what a sender protects its packets with. Other compiled modules have more of it."""

from collections.abc import Sequence

from miso.worker.srtp.cipher import OutgoingKeys

class Protection:
    """What a sender asks before it sends a packet: whether it may, and how long it will be."""

class OutgoingSrtp(Protection):
    """One sender's packets under a transport's keys: the index of each of its SSRCs, at most four, begins at 0."""

    def __init__(self, keys: OutgoingKeys) -> None: ...
    def protect(self, packets: Sequence[bytes]) -> list[bytes | None]:
        """Protects packets together; None for one that is refused: no RTP, too old, or of one SSRC too many.

        Raises:
            ValueError: A packet has more than 65,535 bytes.
        """
