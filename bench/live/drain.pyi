"""Types of ``drain.pyx``."""

class Drain:
    """See the source."""

    received: int
    ended: int

    def add(self, fd: int) -> None: ...
    def run(self, seconds: float) -> None: ...
