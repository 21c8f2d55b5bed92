"""See ``place.pyx``."""

class Place:
    """A player in the ring: its socket, and how far it has got.

    Attributes:
        fd: The socket, not blocking. Who owns it, closes it after :meth:`~miso.live.fanout.fanout.Fanout.remove`.
        sent_bytes: What the kernel has taken.
        skipped_packets: What it missed: because it was overtaken, because it began later, or by its own wish.
        dropped_packets: Those of them that it missed because it was overtaken.
        restarts: How often it was overtaken.
        blocked_since_us: Since when its socket takes nothing; 0: it does.
        error: Why its socket is broken; None: it is not.
        wants_audio, wants_video: What it is sent.
    """

    fd: int
    sent_bytes: int
    skipped_packets: int
    dropped_packets: int
    restarts: int
    blocked_since_us: int
    error: str | None
    wants_audio: bool
    wants_video: bool

    def __init__(self, fd: int) -> None: ...
    @property
    def waiting_bytes(self) -> int:
        """What it was told and has not got yet; its beginning, too."""
