"""Types of ``incoming.pyx``: what a transport opens its peer's packets with. Other compiled modules have more of it."""

from miso.worker.rtp.ssrc_table import SsrcTable
from miso.worker.srtp.cipher import SessionKeys

class Heard(SsrcTable):
    """SSRC → what is known of it: memory of this table, which goes with it."""

class Incoming:
    """All that comes from one peer; a packet that came already is refused, as is one that is not genuine."""

class IncomingSrtp(Incoming):
    """By our own code."""

    def __init__(self, keys: SessionKeys, rtcp_keys: SessionKeys) -> None: ...
    def open(self, packet: bytes, *, is_rtcp: bool = False) -> bytes | None:
        """The packet as it was before it was protected; None for one that is refused."""
    def is_known(self, ssrc: int) -> bool:
        """Whether it is known what came from the SSRC."""
