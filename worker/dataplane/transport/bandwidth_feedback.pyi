"""Types of ``bandwidth_feedback.pyx``: what a peer's congestion control is told of the packets that it sent."""

class BandwidthFeedback:
    """Transport-wide feedback and REMB; both are off until control enables one."""

    max_bitrate_bps: int  # no REMB asks for more; 0: no limit
    def __init__(self) -> None: ...
    def enable_transport_wide(self, enabled: bool) -> None:
        """Records from now on when packets with a transport-wide sequence number arrive, or stops and forgets."""
    def enable_remb(self, enabled: bool) -> None:
        """Estimates from now on what the way to us can carry, by abs-send-time, or stops and forgets."""
