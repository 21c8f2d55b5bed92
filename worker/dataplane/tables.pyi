"""Types of ``tables.pyx``: C hash tables. Only other compiled modules use them."""

class PeerTable:
    """Remote address → pointer."""

    def __init__(self) -> None: ...

class SsrcTable:
    """SSRC → pointer."""

    def __init__(self) -> None: ...
    @property
    def used(self) -> int:
        """Entries."""
