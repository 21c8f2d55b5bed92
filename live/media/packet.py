"""One unit of a stream: a video frame, an audio frame, a configuration record, or metadata."""

from __future__ import annotations

from miso.live.errors import ParseError
from miso.live.media.body_writer import LEGACY, enhanced_body, legacy_body
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.nal_units import split_nal_units

__all__ = ["Codec", "Kind", "Packet", "TrackId"]

_NAL_UNIT_CODECS = (Codec.H264, Codec.HEVC)
_LONGEST_LENGTH_SIZE = 4


class Packet:
    """One unit of one track. Whoever has it, shares it: nothing in it changes.

    What it came in as, and each other form that somebody asked for, is kept; no form is made before.

    Attributes:
        track: The track.
        codec: How the payload is coded; None for metadata.
        dts_ms: When it is decoded, in milliseconds since the stream's beginning; it does not wrap.
        composition_ms: So much later it is shown; may be negative.
        nanosecond_offset: So much later than ``dts_ms`` says, 0 to 999,999 (enhanced RTMP v2, ModEx).
        is_key: A decoder can begin here. Of audio, every packet.
        is_config: It is the codec's configuration, for all that follows.
        is_end: The track ends with it (SequenceEnd).
        size_bytes: Of the payload.
        length_size: Of H264 and HEVC, how many bytes the length before each NAL unit takes.
    """

    __slots__ = (
        "_enhanced_body",
        "_legacy_body",
        "_nal_units",
        "_payload",
        "codec",
        "composition_ms",
        "dts_ms",
        "is_config",
        "is_end",
        "is_key",
        "length_size",
        "nanosecond_offset",
        "size_bytes",
        "track",
    )

    def __init__(
        self,
        track: TrackId,
        codec: Codec | None,
        dts_ms: int,
        payload: bytes,
        *,
        composition_ms: int = 0,
        nanosecond_offset: int = 0,
        is_key: bool = False,
        is_config: bool = False,
        is_end: bool = False,
        length_size: int = _LONGEST_LENGTH_SIZE,
    ) -> None:
        self.track = track
        self.codec = codec
        self.dts_ms = dts_ms
        self.composition_ms = composition_ms
        self.nanosecond_offset = nanosecond_offset
        self._payload: bytes | None = payload
        self.is_key = is_key
        self.is_config = is_config
        self.is_end = is_end
        self.length_size = length_size
        self.size_bytes = len(payload)
        self._legacy_body: bytes | None = None
        self._enhanced_body: bytes | None = None
        self._nal_units: tuple[bytes, ...] | None = None

    @classmethod
    def of_legacy_body(
        cls,
        codec: Codec,
        dts_ms: int,
        body: bytes,
        header_size: int,
        *,
        composition_ms: int = 0,
        is_key: bool = False,
        is_config: bool = False,
        length_size: int = _LONGEST_LENGTH_SIZE,
    ) -> Packet:
        """What came in as the body of a legacy message or tag, which is kept as it is and only cut when somebody asks.

        Args:
            codec: One that has a legacy form.
            dts_ms: When it is decoded.
            body: All of it.
            header_size: How many bytes stand before the payload.
            composition_ms: So much later it is shown.
            is_key: A decoder can begin here.
            is_config: It is the codec's configuration.
            length_size: Of the lengths before NAL units.
        """
        packet = cls(
            TrackId(codec.kind),
            codec,
            dts_ms,
            b"",
            composition_ms=composition_ms,
            is_key=is_key,
            is_config=is_config,
            length_size=length_size,
        )
        packet._payload = None
        packet.size_bytes = len(body) - header_size
        packet._legacy_body = body
        return packet

    def __repr__(self) -> str:
        codec = self.codec.value if self.codec is not None else "data"
        marks = {"config": self.is_config, "key": self.is_key, "end": self.is_end}
        flags = "".join(f" {mark}" for mark, is_set in marks.items() if is_set)
        return f"<Packet {codec} track={self.track.number} dts={self.dts_ms}{flags} {self.size_bytes} bytes>"

    @property
    def pts_ms(self) -> int:
        """When it is shown, in milliseconds since the stream's beginning."""
        return self.dts_ms + self.composition_ms

    @property
    def payload(self) -> bytes:
        """The coded bits.

        For H264 and HEVC, NAL units with lengths before them; the configuration record of the codec if it is one; the
        AMF0 values of metadata.
        """
        if self._payload is None:
            assert self._legacy_body is not None
            self._payload = self._legacy_body[len(self._legacy_body) - self.size_bytes :]
        return self._payload

    @property
    def nal_units(self) -> tuple[bytes, ...]:
        """The NAL units of an H264 or HEVC frame, without lengths.

        Raises:
            ParseError: A unit overruns the frame, or it is of another codec, or a configuration record.
        """
        if self._nal_units is None:
            if self.codec not in _NAL_UNIT_CODECS or self.is_config:
                raise ParseError(f"{self!r} has no NAL units, expected a frame of H264 or HEVC")
            self._nal_units = tuple(split_nal_units(self.payload, self.length_size))
        return self._nal_units

    def flv_body(self, enhanced: bool) -> bytes:
        """The body of the RTMP message or FLV tag that carries it.

        Args:
            enhanced: As enhanced RTMP has it. What has no other form (other codecs than H264, AAC and MP3, other tracks
                than 0) always is, whatever this says.

        Returns:
            Empty where FLV had no form of it (an audio track's end): nothing need be sent.
        """
        if self.codec is None:
            return self.payload
        if not enhanced and not self.track.number and self.codec in LEGACY:
            if self._legacy_body is None:
                self._legacy_body = legacy_body(
                    self.codec,
                    self.payload,
                    composition_ms=self.composition_ms,
                    is_key=self.is_key,
                    is_config=self.is_config,
                    is_end=self.is_end,
                )
            return self._legacy_body
        if self._enhanced_body is None:
            self._enhanced_body = enhanced_body(
                self.codec,
                self.track.number,
                self.payload,
                composition_ms=self.composition_ms,
                is_key=self.is_key,
                is_config=self.is_config,
                is_end=self.is_end,
            )
        return self._enhanced_body

    def at(self, dts_ms: int) -> Packet:
        """The same at another time; the payload and its other forms are shared."""
        packet = Packet(
            self.track,
            self.codec,
            dts_ms,
            b"",
            composition_ms=self.composition_ms,
            nanosecond_offset=self.nanosecond_offset,
            is_key=self.is_key,
            is_config=self.is_config,
            is_end=self.is_end,
            length_size=self.length_size,
        )
        packet._payload = self._payload
        packet.size_bytes = self.size_bytes
        packet._legacy_body = self._legacy_body
        packet._enhanced_body = self._enhanced_body
        packet._nal_units = self._nal_units
        return packet
