"""Unwraps the 32-bit timestamps of messages, which come back to zero every 49.7 days."""

from __future__ import annotations

from typing import Final

MODULUS: Final = 1 << 32
_HALF: Final = MODULUS // 2
_MAX_STREAMS: Final = 64


class TimestampUnwrapper:
    """Knows how far each message stream is.

    Sound and pictures of one message stream share its time, so that both pass 2^32 at the same place. The first
    timestamp of a stream is taken as it is.
    """

    def __init__(self) -> None:
        self._last_ms: dict[int, int] = {}

    def unwrap(self, stream_id: int, timestamp_ms: int, is_media: bool) -> int:
        """Takes a message's timestamp, and returns which it is of those that are equal modulo 2^32.

        Args:
            stream_id: The message stream.
            timestamp_ms: As it came, 0 to 2^32 - 1.
            is_media: It moves the stream's time. That of metadata does not: it is 0 in many a stream that is not at 0.
        """
        last_ms = self._last_ms.get(stream_id)
        if last_ms is None:
            if is_media and len(self._last_ms) >= _MAX_STREAMS:
                self._last_ms.pop(next(iter(self._last_ms)))
            unwrapped_ms = timestamp_ms
        else:
            unwrapped_ms = last_ms + (timestamp_ms - last_ms + _HALF) % MODULUS - _HALF
        if is_media:
            self._last_ms[stream_id] = unwrapped_ms
        return unwrapped_ms
