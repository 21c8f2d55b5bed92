"""What begins a fragmented MP4: brands, and a header without samples (ISO/IEC 14496-12, 8.2 to 8.8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from miso.live.media.codec import Kind
from miso.live.mp4.boxes import HEADER_SIZE, box, full_box
from miso.live.mp4.track import Mp4Track

MOVIE_TIMESCALE = 1_000
"""Ticks in a second of the duration of the whole file."""

_BRANDS = b"iso6iso5mp41cmfc"
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_NORMAL_RATE = 0x10000
_FULL_VOLUME = 0x100
_UNDETERMINED_LANGUAGE = 0x55C4  # "und", three letters of five bits
_ENABLED_IN_MOVIE = 0x3
_IN_SAME_FILE = 0x1
_VISUAL_DEFAULT = 0x1
_HANDLERS = {Kind.VIDEO: (b"vide", b"video\0"), Kind.AUDIO: (b"soun", b"sound\0")}
_ONLY_ENTRY = 1
_FRAGMENT_DURATION_SIZE = HEADER_SIZE + 4 + 8


class InitSegment:
    """The beginning of a file.

    Attributes:
        data: Its bytes.
        duration_at: Where in them stands a box that has nothing in it, and that :func:`fragment_duration` may be
            written over when the file's duration is known.

    Args:
        tracks: The tracks; their numbers in the file are 1, 2, … in this order.
    """

    def __init__(self, tracks: Sequence[Mp4Track]) -> None:
        file_type = box("ftyp", b"iso6", bytes(4), _BRANDS)
        header = _movie_header(len(tracks))
        boxes = b"".join(_track(number, track) for number, track in enumerate(tracks, 1))
        room = box("free", bytes(_FRAGMENT_DURATION_SIZE - HEADER_SIZE))
        defaults = b"".join(_defaults(number) for number in range(1, len(tracks) + 1))
        self.data = file_type + box("moov", header, boxes, box("mvex", room, defaults))
        self.duration_at = len(self.data) - len(defaults) - len(room)


def fragment_duration(duration_ms: int) -> bytes:
    """The box that says how long a file with all its fragments is, in milliseconds (8.8.2)."""
    return full_box("mehd", 1, 0, duration_ms.to_bytes(8, "big"))


def _movie_header(tracks: int) -> bytes:
    times = struct.pack(">IIII", 0, 0, MOVIE_TIMESCALE, 0)
    playing = struct.pack(">IH", _NORMAL_RATE, _FULL_VOLUME) + bytes(2 + 8)
    return full_box("mvhd", 0, 0, times, playing, _MATRIX, bytes(6 * 4), (tracks + 1).to_bytes(4, "big"))


def _track(number: int, track: Mp4Track) -> bytes:
    is_audio = track.id.kind is Kind.AUDIO
    # The kind is also the group of tracks of which one is played.
    group = 1 if is_audio else 0
    header = full_box(
        "tkhd",
        0,
        _ENABLED_IN_MOVIE,
        struct.pack(">IIIII", 0, 0, number, 0, 0),
        bytes(8),
        struct.pack(">HHHH", 0, group, _FULL_VOLUME if is_audio else 0, 0),
        _MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )
    media_header = full_box("mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, track.timescale, 0, _UNDETERMINED_LANGUAGE, 0))
    handler, name = _HANDLERS[track.id.kind]
    handler_box = full_box("hdlr", 0, 0, bytes(4), handler, bytes(12), name)
    kind_header = full_box("smhd", 0, 0, bytes(4)) if is_audio else full_box("vmhd", 0, _VISUAL_DEFAULT, bytes(8))
    data_in_file = full_box("dref", 0, 0, _ONLY_ENTRY.to_bytes(4, "big"), full_box("url ", 0, _IN_SAME_FILE))
    information = box("minf", kind_header, box("dinf", data_in_file), _empty_sample_table(track.entry))
    return box("trak", header, box("mdia", media_header, handler_box, information))


def _empty_sample_table(entry: bytes) -> bytes:
    return box(
        "stbl",
        full_box("stsd", 0, 0, _ONLY_ENTRY.to_bytes(4, "big"), entry),
        full_box("stts", 0, 0, bytes(4)),
        full_box("stsc", 0, 0, bytes(4)),
        full_box("stsz", 0, 0, bytes(8)),
        full_box("stco", 0, 0, bytes(4)),
    )


def _defaults(number: int) -> bytes:
    """Of samples (8.8.3); fragments say all themselves, but the description has to be named here."""
    return full_box("trex", 0, 0, struct.pack(">IIIII", number, _ONLY_ENTRY, 0, 0, 0))
