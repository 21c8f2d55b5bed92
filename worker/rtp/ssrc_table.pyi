"""Types of ``ssrc_table.pyx``. Only other compiled modules use it."""

class SsrcTable:
    """SSRC → pointer."""

    def __init__(self) -> None: ...
    @property
    def used(self) -> int:
        """Entries."""
