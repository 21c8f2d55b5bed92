"""What a publisher sends, on its way into its stream."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from miso.live.errors import ParseError, RefusedError, StreamClosedError
from miso.live.media.bodies import BodyReader
from miso.live.media.codec import Kind, TrackId
from miso.live.media.metadata import read_metadata, script_body
from miso.live.media.packet import Packet
from miso.live.rtmp.messages import Message, MessageType
from miso.live.streams.publication import Publication
from miso.protoo.log_rate_limit import LogRateLimit

MAX_BROKEN_IN_A_ROW: Final = 100
"""A publisher whose messages are all broken is no use; one with a broken message now and then is."""
MAX_METADATA_BYTES: Final = 64 * 1024

_BROKEN: Final = LogRateLimit(logging.getLogger(__name__), "a message of a publisher was dropped")


class Publisher:
    """Reads messages into packets. A broken one is dropped.

    Args:
        publication: Where they go.
        on_dropped: Called with how many packets have been dropped.
        name: Who it is, for the log.
    """

    def __init__(self, publication: Publication, on_dropped: Callable[[int], None], name: str) -> None:
        self._publication = publication
        self._on_dropped = on_dropped
        self._name = name
        self._reader = BodyReader()
        self._broken_in_a_row = 0

    def take(self, message: Message) -> None:
        """Takes sound, pictures or metadata.

        Raises:
            ParseError: Everything it sends is broken.
            StreamClosedError: The stream is not its own any more.
        """
        try:
            for packet in self._packets(message):
                self._publication.write(packet)
        except StreamClosedError:
            raise
        except (ParseError, RefusedError) as error:
            self._broken_in_a_row += 1
            self._on_dropped(1)
            _BROKEN.count(f"{self._name}: {error}")
            if self._broken_in_a_row >= MAX_BROKEN_IN_A_ROW:
                raise ParseError(f"{self._broken_in_a_row} messages in a row are broken, the last: {error}") from error
        else:
            self._broken_in_a_row = 0

    def close(self) -> None:
        """The publisher goes."""
        self._publication.close()

    def _packets(self, message: Message) -> list[Packet]:
        if message.type_id == MessageType.VIDEO:
            return self._reader.read_video(message.body, message.timestamp_ms)
        if message.type_id == MessageType.AUDIO:
            return self._reader.read_audio(message.body, message.timestamp_ms)
        if len(message.body) > MAX_METADATA_BYTES:
            raise ParseError(f"metadata has {len(message.body)} bytes, expected at most {MAX_METADATA_BYTES}")
        body = script_body(message.body)
        if read_metadata(body) is None:
            return []  # cue points and the like: no player of ours asks for them
        return [Packet(TrackId(Kind.DATA), None, message.timestamp_ms, body)]
