"""One unit of a stream: a video frame, an audio frame, a configuration record, or metadata."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a track carries."""

    AUDIO = "audio"
    VIDEO = "video"
    DATA = "data"


class Codec(Enum):
    """The codecs of enhanced RTMP; the value is the FourCC."""

    H264 = "avc1"
    HEVC = "hvc1"
    AV1 = "av01"
    VP8 = "vp08"
    VP9 = "vp09"
    AAC = "mp4a"
    OPUS = "Opus"
    MP3 = ".mp3"
    FLAC = "fLaC"
    AC3 = "ac-3"
    EAC3 = "ec-3"


class TrackId(NamedTuple):
    """Which track of a stream.

    Attributes:
        kind: What it carries.
        number: 0 for the stream's main track of that kind; 1 to 255 for others (enhanced RTMP v2, multitrack).
    """

    kind: Kind
    number: int = 0


class Packet:
    """One unit of one track. Whoever has it, shares it: nothing in it changes.

    Attributes:
        track: The track.
        codec: How the payload is coded; None for metadata.
        dts_ms: When it is decoded, in milliseconds since the stream's beginning; it does not wrap.
        composition_ms: So much later it is shown; may be negative.
        payload: The coded bits: for H264 and HEVC, NAL units with lengths before them; the configuration record of the
            codec if :attr:`is_config`; the AMF0 values of metadata.
        is_key: A decoder can begin here. Of audio, every packet.
        is_config: It is the codec's configuration, for all that follows.
        is_end: The track ends with it (SequenceEnd).
    """

    __slots__ = ("codec", "composition_ms", "dts_ms", "is_config", "is_end", "is_key", "payload", "track")

    def __init__(
        self,
        track: TrackId,
        codec: Codec | None,
        dts_ms: int,
        payload: bytes,
        *,
        composition_ms: int = 0,
        is_key: bool = False,
        is_config: bool = False,
        is_end: bool = False,
    ) -> None:
        self.track = track
        self.codec = codec
        self.dts_ms = dts_ms
        self.composition_ms = composition_ms
        self.payload = payload
        self.is_key = is_key
        self.is_config = is_config
        self.is_end = is_end

    def __repr__(self) -> str:
        codec = self.codec.value if self.codec is not None else "data"
        marks = {"config": self.is_config, "key": self.is_key, "end": self.is_end}
        flags = "".join(f" {mark}" for mark, is_set in marks.items() if is_set)
        return f"<Packet {codec} track={self.track.number} dts={self.dts_ms}{flags} {len(self.payload)} bytes>"

    @property
    def pts_ms(self) -> int:
        """When it is shown, in milliseconds since the stream's beginning."""
        return self.dts_ms + self.composition_ms

    def at(self, dts_ms: int) -> Packet:
        """The same at another time; the payload is shared."""
        return Packet(
            self.track,
            self.codec,
            dts_ms,
            self.payload,
            composition_ms=self.composition_ms,
            is_key=self.is_key,
            is_config=self.is_config,
            is_end=self.is_end,
        )
