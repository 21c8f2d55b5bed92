"""What enhanced audio and video bodies have in common: modifiers before the packet, and several tracks in one body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from miso.live.errors import ParseError
from miso.live.media.body_form import MAX_NANOSECOND_OFFSET, MAX_TRACK_NUMBER, ModExType, MultitrackType
from miso.live.media.byte_reader import ByteReader
from miso.live.media.codec import Codec, Kind

_FOUR_CC_SIZE = 4
_NANOSECOND_SIZE = 3
_LONG_MODIFIER = 256

_BY_FOUR_CC = {codec.four_cc: codec for codec in Codec}


class TrackData(NamedTuple):
    """One track's part of a body."""

    codec: Codec
    number: int
    data: bytes


def read_modifiers(body: ByteReader, packet_type: int, mod_ex: int) -> tuple[int, int]:
    """Passes over all modifiers.

    Args:
        body: After its first byte.
        packet_type: From the first byte.
        mod_ex: The packet type that says that a modifier follows.

    Returns:
        The packet type behind them, and the nanoseconds to add to the time stamp.

    Raises:
        ParseError: A modifier is cut off, or the nanoseconds are a millisecond or more.
    """
    nanoseconds = 0
    while packet_type == mod_ex:
        size = body.u8() + 1
        if size == _LONG_MODIFIER:
            size = body.unsigned(2) + 1
        modifier = body.take(size)
        types = body.u8()
        packet_type = types & 0xF
        if types >> 4 != ModExType.TIMESTAMP_OFFSET_NANO:
            continue
        if size < _NANOSECOND_SIZE:
            raise ParseError(f"{body.what} has a nanosecond offset of {size} bytes, expected {_NANOSECOND_SIZE}")
        nanoseconds = int.from_bytes(modifier[:_NANOSECOND_SIZE], "big")
        if nanoseconds > MAX_NANOSECOND_OFFSET:
            raise ParseError(f"{body.what} has {nanoseconds} ns offset, expected at most {MAX_NANOSECOND_OFFSET}")
    return packet_type, nanoseconds


def read_one_track(body: ByteReader, kind: Kind) -> TrackData:
    """The only track of a body, which is all of the rest; raises ParseError if its codec is not known."""
    return TrackData(_read_codec(body, kind), 0, body.rest())


def read_tracks(body: ByteReader, kind: Kind, form: int) -> Iterator[TrackData]:
    """The tracks of a body that may have several.

    Args:
        body: After the byte with ``form`` and the packet type.
        kind: Of all.
        form: A :class:`~miso.live.media.body_form.MultitrackType`, or any other number.

    Raises:
        ParseError: A track is cut off, its codec is not known, or there are more than 256.
    """
    if form not in tuple(MultitrackType):
        raise ParseError(f"{body.what} has multitrack type {form}, expected 0 to {max(MultitrackType)}")
    codec = _read_codec(body, kind) if form != MultitrackType.MANY_TRACKS_MANY_CODECS else None
    if form == MultitrackType.ONE_TRACK:
        assert codec is not None
        yield TrackData(codec, body.u8(), body.rest())
        return
    seen: set[int] = set()
    while body.left:
        of_track = codec or _read_codec(body, kind)
        number = body.u8()
        if number in seen:
            raise ParseError(f"{body.what} has track {number} twice, expected each of {MAX_TRACK_NUMBER + 1} once")
        seen.add(number)
        yield TrackData(of_track, number, body.take(body.unsigned(3)))


def _read_codec(body: ByteReader, kind: Kind) -> Codec:
    four_cc = body.take(_FOUR_CC_SIZE)
    codec = _BY_FOUR_CC.get(four_cc)
    if codec is None or codec.kind is not kind:
        known = ", ".join(codec.value for codec in Codec if codec.kind is kind)
        raise ParseError(f"{body.what} has codec {four_cc!r}, expected one of {known}")
    return codec
