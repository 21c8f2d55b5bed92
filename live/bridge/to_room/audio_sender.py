"""A live stream's sound as one RTP stream of Opus: as it is, or converted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.transcoding.audio_transcoder import OPUS, Sound, TimedPayload
from miso.live.bridge.transcoding.worker_thread import TranscodedTrack, TranscodingThread
from miso.live.errors import ParseError, RefusedError, StreamClosedError
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.opus import read_opus_head
from miso.live.media.packet import Packet
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import Start
from miso.live.streams.track import Track

logger = logging.getLogger(__name__)

_AUDIO = TrackId(Kind.AUDIO)
_UNITS_PER_MS = 48
_MOST_CHANNELS = 2
_CONVERTED = (Codec.AAC, Codec.MP3)


class AudioSender:
    """Of one stream in one room. Sound that cannot be had is left out, and the log says why; pictures go on.

    Args:
        stream: Numbers the packets.
        thread: Where sound is converted.
        send: Gets each RTP packet, and its time in ms.
    """

    def __init__(self, stream: SentStream, thread: TranscodingThread, send: Callable[[bytes, int], None]) -> None:
        self._sent = stream
        self._thread = thread
        self._send = send
        self._source: tuple[Codec, bytes] | None = None
        self._converted: TranscodedTrack | None = None
        self._converting: asyncio.Task[None] | None = None
        self._passes_through = False
        self._path = ""

    @property
    def broken(self) -> int:
        """Packets that could not be decoded."""
        return self._converted.broken if self._converted is not None else 0

    async def run(self, stream: Stream, track: Track) -> None:
        """Sends the stream's sound until it is over.

        Raises:
            StreamClosedError: It is.
        """
        self._path = stream.path
        subscription = stream.subscribe(Start.LIVE, (Kind.AUDIO,))
        if track.config is not None:
            self._configure(track.config)
        try:
            while (reading := await subscription.next()) is not None:
                if reading.packet.track == _AUDIO:
                    if reading.skipped and track.config is not None:
                        self._configure(track.config)
                    self._put(reading.packet)
        finally:
            self._stop()
        raise StreamClosedError(f"{stream.path} is over")

    def _put(self, packet: Packet) -> None:
        if packet.is_end or packet.codec is None:
            return
        if packet.is_config:
            self._configure(packet)
            return
        if self._source is None or self._source[0] is not packet.codec:
            self._begin(packet.codec, b"")
        if self._passes_through:
            units = _UNITS_PER_MS * packet.dts_ms
            self._send(self._sent.packet(packet.payload, units, marker=False), packet.dts_ms)
        elif self._converted is not None:
            self._converted.put(TimedPayload(packet.dts_ms, packet.payload))

    def _configure(self, packet: Packet) -> None:
        if packet.codec is not None and self._source != (packet.codec, packet.payload):
            self._begin(packet.codec, packet.payload)

    def _begin(self, codec: Codec, config: bytes) -> None:
        """The sound is coded so from here on."""
        self._stop()
        self._source = codec, config
        self._passes_through = codec is Codec.OPUS and self._is_stereo(config)
        if self._passes_through:
            return
        if codec not in _CONVERTED:
            logger.warning("stream=%s its sound is %s, which rooms cannot have: left out", self._path, codec.value)
            return
        self._converted = TranscodedTrack(self._thread, codec, config, OPUS, self._on_sound)
        self._converting = asyncio.create_task(self._convert(self._converted))

    def _is_stereo(self, config: bytes) -> bool:
        try:
            return not config or read_opus_head(config).channels <= _MOST_CHANNELS
        except ParseError as error:
            logger.warning("stream=%s %s", self._path, error)
            return True

    async def _convert(self, track: TranscodedTrack) -> None:
        try:
            await track.run()
        except RefusedError as error:
            logger.warning("stream=%s has no sound in rooms: %s", self._path, error)

    def _on_sound(self, config: bytes, sounds: list[Sound]) -> None:
        for sound in sounds:
            self._send(self._sent.packet(sound.payload, sound.samples, marker=False), sound.time_ms)

    def _stop(self) -> None:
        if self._converting is not None:
            self._converting.cancel()
        self._converting = self._converted = None
