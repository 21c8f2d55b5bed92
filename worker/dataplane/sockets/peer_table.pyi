"""Types of ``peer_table.pyx``. Only other compiled modules use it."""

class PeerTable:
    """Remote address → pointer."""

    def __init__(self) -> None: ...
