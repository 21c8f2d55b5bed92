# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
r"""FORWARD-TSN and I-FORWARD-TSN: tell the peer what is skipped.

::

    FORWARD-TSN (RFC 3758 section 3.2)         I-FORWARD-TSN (RFC 8260 section 2.3.1)
    |       New Cumulative TSN      |          |       New Cumulative TSN      |
    |  Stream ID    |      SSN      |          |   Stream ID   |  reserved   |U|
    \                               \          |      Message identifier       |
                                               \                               \
"""

from __future__ import annotations

from struct import Struct

from miso.worker.sctp import enums
from miso.worker.sctp.sending.outstanding import Outstanding

_HEADER = Struct("!BBHI")
_ENTRY = Struct("!HH")
_I_ENTRY = Struct("!HHI")
_ENTRY_SIZE = _ENTRY.size
_I_ENTRY_SIZE = _I_ENTRY.size


def forward_tsn_chunk(outstanding: Outstanding, interleaving: bool, room: int) -> bytes:
    """Skips all up to ``outstanding.advanced``, or less if not all streams find place in ``room`` bytes.

    A stream's last skipped number stands for all before it; unordered messages have none in FORWARD-TSN, and their own
    in I-FORWARD-TSN.
    """
    entry_size = _I_ENTRY_SIZE if interleaving else _ENTRY_SIZE
    limit = (room - _HEADER.size) // entry_size
    numbers: dict[int, int] = {}  # by stream, times two, and one more for unordered messages
    tsn = outstanding.cumulative
    for index in range(outstanding.advanced - outstanding.cumulative):
        chunk = outstanding.chunk(index)
        message = chunk.message
        key = message.stream_id << 1
        if message.unordered:
            key |= 1
        if interleaving or not message.unordered:
            if len(numbers) >= limit and key not in numbers:
                break
            numbers[key] = message.number
        tsn = chunk.tsn
    if interleaving:
        type_ = enums.I_FORWARD_TSN
        entries = [_I_ENTRY.pack(key >> 1, key & 1, number) for key, number in numbers.items()]
    else:
        type_ = enums.FORWARD_TSN
        entries = [_ENTRY.pack(key >> 1, number) for key, number in numbers.items()]
    size = _HEADER.size + entry_size * len(entries)
    return _HEADER.pack(type_, 0, size, tsn & 0xFFFFFFFF) + b"".join(entries)
