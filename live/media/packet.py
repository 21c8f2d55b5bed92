"""One unit of a stream: a video frame, an audio frame, a configuration record, or metadata."""

from __future__ import annotations

from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.body_writer import LEGACY, enhanced_prefix, legacy_prefix
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.nal_units import split_nal_units

__all__ = ["Body", "Codec", "Kind", "Packet", "TrackId"]

_NAL_UNIT_CODECS = (Codec.H264, Codec.HEVC)
_LONGEST_LENGTH_SIZE = 4


class Body(NamedTuple):
    """The body of an RTMP message or FLV tag, of which only the beginning had to be made.

    Attributes:
        prefix: The beginning; empty: the packet came in with it.
        source: Bytes that the packet shares with whoever sends it.
        start: Where the rest of the body stands in ``source``, up to its end.
    """

    prefix: bytes
    source: bytes
    start: int

    @property
    def size_bytes(self) -> int:
        """Of all of it; 0: FLV had no form of the packet."""
        return len(self.prefix) + len(self.source) - self.start

    def joined(self) -> bytes:
        """All of it, in one piece."""
        return self.prefix + self.source[self.start :] if self.prefix or self.start else self.source


class Packet:
    """One unit of one track. Whoever has it, shares it: nothing in it changes.

    Its bits are kept once, as they came in: as the body of a legacy message or tag, or bare. All bodies are the same
    but for their first bytes, and so made of these and what is kept. NAL units are cut once, when somebody asks.

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
        "_kept",
        "_nal_units",
        "_payload_at",
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
        self._kept = payload
        self._payload_at = 0  # greater: what is kept begins with what stands before it in a legacy body
        self.is_key = is_key
        self.is_config = is_config
        self.is_end = is_end
        self.length_size = length_size
        self.size_bytes = len(payload)
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
        packet._kept = body
        packet._payload_at = header_size
        packet.size_bytes = len(body) - header_size
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
        AMF0 values of metadata. Cut anew each time from what came in as a legacy body.
        """
        return self._kept[self._payload_at :] if self._payload_at else self._kept

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

    def body(self, *, enhanced: bool) -> Body | None:
        """The body of the RTMP message or FLV tag that carries it, without a copy of its bits.

        Args:
            enhanced: As enhanced RTMP has it. What has no other form (other codecs than H264, AAC and MP3, other tracks
                than 0) always is, whatever this says.

        Returns:
            None where FLV had no form of it (an audio track's end): nothing need be sent.
        """
        if self.codec is None:
            return Body(b"", self._kept, 0)
        if enhanced or self.track.number or self.codec not in LEGACY:
            prefix = enhanced_prefix(
                self.codec,
                self.track.number,
                composition_ms=self.composition_ms,
                is_key=self.is_key,
                is_config=self.is_config,
                is_end=self.is_end,
            )
            return Body(prefix, self._kept, self._payload_at)
        if self._payload_at:
            return Body(b"", self._kept, 0)
        prefix = legacy_prefix(
            self.codec,
            self._kept,
            composition_ms=self.composition_ms,
            is_key=self.is_key,
            is_config=self.is_config,
            is_end=self.is_end,
        )
        return Body(prefix, self._kept, 0) if prefix else None

    def flv_body(self, enhanced: bool) -> bytes:
        """As :meth:`body`, in one piece; empty where FLV had no form of it."""
        body = self.body(enhanced=enhanced)
        return body.joined() if body is not None else b""

    def at(self, dts_ms: int) -> Packet:
        """The same at another time; its bits are shared."""
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
        packet._kept = self._kept
        packet._payload_at = self._payload_at
        packet.size_bytes = self.size_bytes
        packet._nal_units = self._nal_units
        return packet
