"""How long an audio frame sounds, which live packets do not say: only when it begins, in whole milliseconds."""

from __future__ import annotations

from miso.live.media.codec import Codec
from miso.live.media.packet import Packet

_AAC_SAMPLES = 1024
_MP3_SAMPLES = 1152
_MP3_SAMPLES_LOW_RATES = 576
_MP3_IS_MPEG1 = 0b11

# RFC 6716, section 3.1: by the configuration number, in samples at 48 kHz.
_SILK_SIZES = (480, 960, 1920, 2880)
_HYBRID_SIZES = (480, 960)
_CELT_SIZES = (120, 240, 480, 960)
_FIRST_HYBRID = 12
_FIRST_CELT = 16
_MAX_OPUS_FRAMES = 48


def frame_samples(packet: Packet) -> int | None:
    """The samples that an audio packet decodes to, at the rate of its coded frames; None if it does not say."""
    if packet.codec is Codec.AAC:
        return _AAC_SAMPLES
    if packet.codec is Codec.OPUS:
        return _opus_samples(packet.payload)
    if packet.codec is Codec.MP3 and packet.size_bytes > 1:
        return _MP3_SAMPLES if packet.payload[1] >> 3 & 0b11 == _MP3_IS_MPEG1 else _MP3_SAMPLES_LOW_RATES
    return None


def _opus_samples(payload: bytes) -> int | None:
    if not payload:
        return None
    number, code = payload[0] >> 3, payload[0] & 0b11
    if number < _FIRST_HYBRID:
        size = _SILK_SIZES[number % len(_SILK_SIZES)]
    elif number < _FIRST_CELT:
        size = _HYBRID_SIZES[number % len(_HYBRID_SIZES)]
    else:
        size = _CELT_SIZES[number % len(_CELT_SIZES)]
    if code == 0:
        return size
    if code != 0b11:
        return 2 * size
    frames = payload[1] & 0x3F if len(payload) > 1 else 0
    return frames * size if 0 < frames <= _MAX_OPUS_FRAMES else None
