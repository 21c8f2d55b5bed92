"""Types of ``send_stream.pyx``: the stream that a consumer sends."""

from miso.worker.dataplane.sockets.batch import Sender

class SendStream(Sender):
    """What a consumer sends with one SSRC, and repairs with another; what is sent the consumer decides."""

    @property
    def closed(self) -> bool: ...
    active: bool  # control's switch (pause, producer pause, transport not connected)
    trace_rtp: bool
    trace_keyframe: bool
    deliver: bool  # direct transport: packets become RtpDelivered events
    # of the media stream
    @property
    def ssrc(self) -> int: ...
    @property
    def rtx_ssrc(self) -> int:
        """0: none."""
    @property
    def packets(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def packets_retransmitted(self) -> int: ...
    @property
    def bytes_retransmitted(self) -> int: ...
    @property
    def packets_repaired(self) -> int:
        """Sent again for the first time."""
    @property
    def rtx_packets(self) -> int: ...
    @property
    def rtx_bytes(self) -> int: ...
    rtt_ms: float
    def bitrate(self, now_us: int) -> int:
        """Bit/s of the last 2.5 s, retransmissions left out."""
