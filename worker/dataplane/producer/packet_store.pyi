"""Types of ``packet_store.pyx``: packets kept to be sent again. Only other compiled modules put and get."""

class PacketStore:
    """A stream's packets of the last two seconds, each once for all consumers that may be asked for it again."""

    def __init__(self) -> None: ...
