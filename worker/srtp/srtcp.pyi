"""Types of ``srtcp.pyx``: what a transport protects its RTCP with. Other compiled modules have more of it."""

from miso.worker.srtp.cipher import SessionKeys

class OutgoingRtcp:
    """All RTCP that goes out under one key."""

class OutgoingSrtcp(OutgoingRtcp):
    """By our own code. Packets are numbered together, whichever SSRC sends them: none has the keystream of another."""

    def __init__(self, rtcp_keys: SessionKeys) -> None: ...
    def protect(self, packet: bytes) -> bytes | None:
        """The packet as it goes out; None for one that is shorter than a header or longer than 65,535 bytes."""
