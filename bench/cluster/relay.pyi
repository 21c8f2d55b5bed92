"""Types of ``relay.pyx``."""

class Relay:
    """See the source."""

    port: int
    relayed: int

    def __init__(self, port: int) -> None: ...
    def run(self) -> int: ...
