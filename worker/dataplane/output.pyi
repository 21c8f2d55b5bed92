"""Types of ``output.pyx``: a consumer's half."""

from collections.abc import Sequence
from typing import Any

from worker.dataplane.transport import Sender, TransportPlane
from worker.rtp.codecs.codec import Codec
from worker.rtp.layers import LayerSelector

class Output(Sender):
    """A consumer's half: selects, renumbers, stamps, protects and sends; remembers what may be asked for again."""

    owner: Any
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
    def keep_for_retransmission(self) -> bool: ...
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
    def last_packet_us(self) -> int: ...
    @property
    def last_timestamp(self) -> int: ...
    @property
    def last_sequence(self) -> int: ...
    @property
    def rtx_packets(self) -> int: ...
    @property
    def rtx_bytes(self) -> int: ...
    rtt_ms: float
    @property
    def waiting_for_key_frame(self) -> bool: ...
    @property
    def selector(self) -> LayerSelector: ...
    def __init__(
        self,
        transport: TransportPlane,
        *,
        ssrc: int,
        rtx_ssrc: int,
        codec: Codec,
        clock_rate: int,
        payload_types: Sequence[int],
        rtx_payload_types: dict[int, int],
        mid: str,
        mid_id: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
        keep_for_retransmission: bool,
        selector: LayerSelector,
    ) -> None: ...
    def sync(self) -> None:
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
    def retransmit(self, sequence_numbers: Sequence[int], now_us: int) -> int:
        """Answers a NACK; returns how many packets were sent again (each at most once per RTT, RTX when negotiated)."""
    def can_switch_to(self, stream_index: int) -> bool:
        """Whether the timestamps of a stream can be put in line with those of the stream that was forwarded first.

        That needs a sender report of both. A switch to another stream works too, but guesses from the time of arrival.
        """
    def bitrate(self, now_us: int) -> int: ...
    def timestamp_at(self, now_us: int) -> int:
        """The RTP timestamp that belongs to ``now_us``, as far as times of arrival tell."""
    @property
    def forwarded_stream(self) -> int:
        """The index of the stream of the last packet."""
    @property
    def timestamp_offset(self) -> int:
        """What is added to timestamps of ``forwarded_stream`` now, modulo 2^32."""
    def close(self) -> None: ...
