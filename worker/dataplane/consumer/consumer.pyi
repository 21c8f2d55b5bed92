"""Types of ``consumer.pyx``: a consumer in the data plane."""

from collections.abc import Mapping, Sequence

from miso.worker.dataplane.consumer.receiver_feedback import ReceiverFeedback
from miso.worker.dataplane.consumer.send_stream import SendStream
from miso.worker.dataplane.events import ConsumerOwner
from miso.worker.dataplane.transport.sending_half import SendingHalf
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import LayerSelector

class ConsumerPlane(SendStream):
    """A consumer in the data plane: what it forwards, from where on, by which numbers and timestamps."""

    owner: ConsumerOwner | None
    @property
    def feedback(self) -> ReceiverFeedback:
        """What its receiver says of it."""
    @property
    def keep_for_retransmission(self) -> bool: ...
    @property
    def last_packet_us(self) -> int: ...
    @property
    def last_timestamp(self) -> int: ...
    @property
    def last_sequence(self) -> int: ...
    @property
    def waiting_for_key_frame(self) -> bool: ...
    @property
    def selector(self) -> LayerSelector: ...
    def __init__(
        self,
        transport: SendingHalf,
        *,
        ssrc: int,
        rtx_ssrc: int,
        codec: Codec,
        clock_rate: int,
        payload_types: Sequence[int],
        rtx_payload_types: Mapping[int, int],
        mid: str,
        mid_id: int,
        abs_send_time_id: int,
        transport_wide_cc_id: int,
        keep_for_retransmission: bool,
        selector: LayerSelector,
    ) -> None:
        """Makes one that forwards nothing yet.

        With SRTP it goes on where an earlier stream with its SSRCs ended.

        Raises:
            InvalidStateError: The transport is closed; or SRTP is used, and another stream of it has one of the SSRCs,
                or one is that of probation packets, or so many were used that no other can be remembered.
            ValueError: The MID has more than eight bytes.
        """
    def sync(self) -> None:
        """A clean restart: sequence numbers and timestamps go on without a gap, video begins at the next key frame."""
    def can_switch_to(self, stream_index: int) -> bool:
        """Whether the timestamps of a stream can be put in line with those of the stream that was forwarded first.

        That needs a sender report of both. A switch to another stream works too, but guesses from the time of arrival.
        """
    def timestamp_at(self, now_us: int) -> int:
        """The RTP timestamp that belongs to ``now_us``, as far as times of arrival tell."""
    @property
    def forwarded_stream(self) -> int:
        """The index of the stream of the last packet."""
    @property
    def timestamp_offset(self) -> int:
        """What is added to timestamps of ``forwarded_stream`` now, modulo 2^32."""
    def close(self) -> None: ...
