"""The choice of the parser, and Opus silence."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("payload", "is_dtx"), [(b"\x78", True), (b"\x78\x00", True), (b"\x78\x00\x01", False)])
def test_opus_packet_of_two_bytes_is_silence(parse, payload: bytes, is_dtx: bool) -> None:
    assert parse("opus", payload).is_dtx is is_dtx
    assert parse("opus", b"") is None


@pytest.mark.parametrize(
    ("codec", "payload", "is_key_frame"),
    [
        (0, b"anything", True),
        (0, b"", True),
        (1, b"\x78\x00\x01", True),
        (2, bytes.fromhex("1000"), True),
        (2, bytes.fromhex("1001"), False),
        (3, bytes.fromhex("8801ff"), True),
        (4, bytes.fromhex("6742e01f"), True),
        (4, bytes.fromhex("1000"), False),
    ],
)
def test_each_codec_has_its_parser(load, codec: int, payload: bytes, is_key_frame: bool) -> None:
    descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
    assert load("miso.worker.rtp.codecs.describe").describe(codec, payload, len(payload), descriptor)
    assert descriptor.is_key_frame is is_key_frame


def test_descriptor_keeps_nothing_of_the_packet_before(load) -> None:
    descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
    describe = load("miso.worker.rtp.codecs.describe").describe
    data = bytes.fromhex("90f0923407a500")
    assert describe(2, data, len(data), descriptor)
    assert describe(2, b"\x00\x00", 2, descriptor)
    assert (descriptor.picture_id, descriptor.temporal_layer, descriptor.is_key_frame) == (-1, -1, False)
