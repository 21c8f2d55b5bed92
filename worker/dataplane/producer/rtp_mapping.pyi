"""Types of ``rtp_mapping.pyx``: how a producer's packets are mapped to the router's numbers."""

KINDS: dict[str, int]

class RtpMapping:
    """The tables of one producer: payload types and ids of header extensions. Its producer applies them."""

    def __init__(self) -> None: ...
    def map_payload_type(self, received: int, forwarded: int) -> None:
        """Packets of the received payload type are forwarded with the other; 0 to 127."""
    def map_extension(self, uri_kind: str, received_id: int, forwarded_id: int) -> None:
        """Names an id as negotiated with the sender (0: it sends none) and the router's (0: not forwarded).

        ``uri_kind``: "mid", "abs_send_time", "transport_wide_cc", "audio_level", "video_orientation",
        "abs_capture_time", "frame_marking", "toffset", "playout_delay". The first three are in every forwarded packet
        once they are mapped to a router's id, whatever the sender sends; each consumer writes its own values into them.

        Raises:
            ValueError: unknown kind; ``received_id`` not 0 to 255, or another kind's; ``forwarded_id`` not 0 to 14.
        """
