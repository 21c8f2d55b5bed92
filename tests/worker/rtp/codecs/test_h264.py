"""H264 payloads (RFC 6184) and the frame-marking extension."""

from __future__ import annotations

import pytest

SPS = bytes.fromhex("67 42e01f")
PPS = bytes.fromhex("68 ce3c80")
IDR = bytes.fromhex("65 88 8400")  # first_mb_in_slice 0
IDR_CONTINUED = bytes.fromhex("65 48 8400")  # a later slice of the picture
SLICE = bytes.fromhex("41 9a 0000")


def _stap_a(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def _fu_a(unit: bytes, start: bool) -> bytes:
    return bytes((0x7C, (0x80 if start else 0) | unit[0] & 31)) + unit[1:]


@pytest.mark.parametrize(
    ("payload", "is_key_frame"),
    [
        (SPS, True),
        (PPS, False),
        (IDR, True),
        (IDR_CONTINUED, False),
        (SLICE, False),
        (_stap_a(SPS, PPS, IDR), True),
        (_stap_a(PPS, IDR), True),
        (_stap_a(b"\x06\x00", SLICE), False),
        (_fu_a(IDR, start=True), True),
        (_fu_a(IDR, start=False), False),
        (_fu_a(SLICE, start=True), False),
        (b"\x09\xf0", False),
    ],
)
def test_key_frame_begins_with_parameters_or_the_first_idr_slice(parse, payload: bytes, is_key_frame: bool) -> None:
    assert parse("h264", payload).is_key_frame is is_key_frame


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        (SPS, "SPS"),
        (PPS, "PPS"),
        (_stap_a(SPS, PPS, IDR), "SPS PPS IDR"),
        (_fu_a(IDR, start=True), "IDR"),
        (_fu_a(IDR, start=False), ""),
        (IDR_CONTINUED, ""),
        (SLICE, "INTER"),
        (b"\x41\xb8\x00", "INTRA"),  # slice_type 2
        (b"\x41\x88\x80", "INTRA"),  # slice_type 7
        (b"\x06\x06\x01\xc0\x80", "RECOVERY_POINT"),
        (b"\x06\x05\x01", ""),
        (b"\x65", ""),
    ],
)
def test_units_that_matter_to_a_beginning_are_told_apart(load, parse, payload: bytes, names: str) -> None:
    numbers = {"SPS": 1, "PPS": 2, "RECOVERY_POINT": 4, "IDR": 8, "INTRA": 16, "INTER": 32}
    descriptor = parse("h264", payload)
    assert descriptor.units == sum(numbers[name] for name in names.split())
    assert descriptor.is_random_access is ("IDR" in names)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x78", b"\x78\x00\x04\x67", _stap_a(SPS) + b"\x00", _stap_a(SPS) + b"\x00\x00", b"\x7c", b"\x7c\x85"],
)
def test_units_that_overrun_are_refused(parse, payload: bytes) -> None:
    assert parse("h264", payload) is None


def _mark(load, extension: bytes):
    descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
    load("miso.worker.rtp.codecs.h264").parse_frame_marking(b"xx" + extension, 2, len(extension), descriptor)
    return descriptor


def test_frame_marking_gives_the_layers(load) -> None:
    descriptor = _mark(load, bytes.fromhex("8a 01 07"))
    assert (descriptor.begins_frame, descriptor.ends_frame, descriptor.discardable) == (True, False, False)
    assert (descriptor.switching_up, descriptor.temporal_layer, descriptor.spatial_layer) == (True, 2, 1)
    assert descriptor.tl0_picture_index == 7


def test_short_frame_marking_has_no_layers(load) -> None:
    descriptor = _mark(load, b"\x50")
    assert (descriptor.begins_frame, descriptor.ends_frame, descriptor.discardable) == (False, True, True)
    assert (descriptor.temporal_layer, descriptor.spatial_layer) == (-1, -1)
    assert _mark(load, b"").temporal_layer == -1
