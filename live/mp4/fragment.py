"""A movie fragment: what its samples are, and the samples (ISO/IEC 14496-12, 8.8.4 to 8.8.12)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from enum import IntFlag
from itertools import chain

from miso.live.mp4.boxes import HEADER_SIZE, box, full_box
from miso.live.mp4.samples import Sample

# Of samples (8.8.3.1): does it depend on others, and is it none to begin with.
_KEY = 2 << 24
_NOT_KEY = 1 << 24 | 1 << 16
_SIGNED_COMPOSITION = 1
_WIDE_TIME = 1


class _HeaderFlag(IntFlag):
    """What a track fragment's header has."""

    DEFAULT_DURATION = 0x000008
    DEFAULT_FLAGS = 0x000020
    BASE_IS_MOOF = 0x020000


class _RunFlag(IntFlag):
    """What a run of samples has; from DURATION on, for each sample."""

    DATA_OFFSET = 0x000001
    DURATION = 0x000100
    SIZE = 0x000200
    FLAGS = 0x000400
    COMPOSITION = 0x000800


def movie_fragment(sequence: int, samples: Mapping[int, Sequence[Sample]]) -> bytes:
    """The boxes ``moof`` and ``mdat``.

    Args:
        sequence: 1, 2, 3, … in the order of the file.
        samples: Of each track, by its number in the file; at least one for each.
    """
    header = full_box("mfhd", 0, 0, sequence.to_bytes(4, "big"))
    # Offsets of data count from the moof's beginning, so its size is needed first; it does not depend on them.
    offset = HEADER_SIZE + len(header) + sum(len(_track_fragment(number, run, 0)) for number, run in samples.items())
    offset += HEADER_SIZE
    parts = [header]
    for number, run in samples.items():
        parts.append(_track_fragment(number, run, offset))
        offset += sum(len(sample.data) for sample in run)
    return box("moof", *parts) + box("mdat", *(sample.data for sample in chain.from_iterable(samples.values())))


def _track_fragment(number: int, run: Sequence[Sample], data_offset: int) -> bytes:
    durations = {sample.duration for sample in run}
    flags = {_sample_flags(sample) for sample in run}
    has_composition = any(sample.composition for sample in run)
    header_flags = _HeaderFlag.BASE_IS_MOOF
    header_fields = [number]
    run_flags = _RunFlag.DATA_OFFSET | _RunFlag.SIZE
    if len(durations) == 1:
        header_flags |= _HeaderFlag.DEFAULT_DURATION
        header_fields.append(*durations)
    else:
        run_flags |= _RunFlag.DURATION
    if len(flags) == 1:
        header_flags |= _HeaderFlag.DEFAULT_FLAGS
        header_fields.append(*flags)
    else:
        run_flags |= _RunFlag.FLAGS
    if has_composition:
        run_flags |= _RunFlag.COMPOSITION
    table = bytearray()
    for sample in run:
        if run_flags & _RunFlag.DURATION:
            table += sample.duration.to_bytes(4, "big")
        table += len(sample.data).to_bytes(4, "big")
        if run_flags & _RunFlag.FLAGS:
            table += _sample_flags(sample).to_bytes(4, "big")
        if has_composition:
            table += sample.composition.to_bytes(4, "big", signed=True)
    header = full_box("tfhd", 0, header_flags, struct.pack(f">{len(header_fields)}I", *header_fields))
    time = full_box("tfdt", _WIDE_TIME, 0, run[0].dts.to_bytes(8, "big"))
    counts = struct.pack(">Ii", len(run), data_offset)
    return box("traf", header, time, full_box("trun", _SIGNED_COMPOSITION, run_flags, counts, bytes(table)))


def _sample_flags(sample: Sample) -> int:
    return _KEY if sample.is_key else _NOT_KEY
