"""Writing VP8's running numbers."""

from __future__ import annotations

import pytest

from tests.worker.rtp.payloads import vp8


@pytest.fixture
def write(load):
    return load("miso.worker.rtp.codecs.vp8_indices").write


def word(picture_id: int, tl0: int, key_index: int) -> int:
    return 0x20000000 | key_index << 23 | tl0 << 15 | picture_id


@pytest.mark.parametrize("fields", range(16))
def test_writes_what_the_payload_has_and_nothing_else(write, fields: int) -> None:
    def payload(picture_id: int, tl0: int, key_index: int) -> bytes:
        return vp8(
            picture_id=picture_id if fields & 1 else None,
            tl0=tl0 if fields & 2 else None,
            temporal=2 if fields & 4 else None,
            key_index=key_index if fields & 8 else None,
        )

    data = bytearray(payload(1, 2, 3))
    write(data, len(data), word(0x7ABC, 250, 31))
    assert data == payload(0x7ABC, 250, 31)


def test_short_picture_id_stays_short(write) -> None:
    data = bytearray(vp8(picture_id=1, bits=7, tl0=2, temporal=0))
    write(data, len(data), word(0x1FF, 9, 0))
    assert data == vp8(picture_id=0x7F, bits=7, tl0=9, temporal=0)


def test_every_truncation_stays_within_the_payload(write) -> None:
    whole = vp8(picture_id=1, tl0=2, temporal=1, key_index=3)
    for size in range(len(whole)):
        data = bytearray(whole)
        write(data, size, word(0x7FFF, 255, 31))
        assert data[size:] == whole[size:]
