"""Types of ``desired_trend.pyx``: a desired bitrate that falls slowly."""

class DesiredTrend:
    """A desired bitrate that rises at once and falls slowly, since layers come and go."""

    @property
    def bitrate_bps(self) -> int: ...
    def update(self, bitrate_bps: int, now_us: int, force: bool) -> None:
        """Takes the newest value; ``force`` takes a lower one at once too."""
