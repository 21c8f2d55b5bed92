"""Types of ``plane.pyx``: what all objects of one worker share."""

class Plane:
    """What all objects of one worker share, one after the other: one thread runs the plane."""

    def __init__(self) -> None: ...
    @property
    def counters(self) -> dict[str, int]:
        """What was counted since the start.

        These are received, sent, truncated, srtp_failed, malformed, unknown_sender, unknown_ssrc, not_connected,
        send_full, send_failed, tcp_full, segmented_messages, stun_unknown, stun_limited, rtcp_limited, dtls_limited,
        repairs_limited.
        """
    @property
    def packets_forwarded(self) -> int:
        """Packets handed to consumers since the start: one that came in counts for each of them."""
    def set_wall_clock(self, now_us: int, ntp: int) -> None:
        """What the wall clock shows, a 64-bit NTP timestamp; to be called whenever a peer is told of it.

        The peer's reports echo it, and tell the round-trip time by that.
        """
