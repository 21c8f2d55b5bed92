"""Types of ``floor.pyx``."""

class FrameFloor:
    """See the source."""

    sent: int
    refused: int

    def __init__(self, frames: list[bytes], times_ms: list[int], fds: list[int]) -> None: ...
    def run(self, seconds: float) -> int: ...
