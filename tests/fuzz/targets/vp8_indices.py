"""Writing over VP8 payloads, in both modes: the first four bytes of the input are the word, the rest is the payload."""

from tests.modes import load

SEEDS = [
    bytes.fromhex("2fffffff" + seed) for seed in ("90f0923407a500", "1000", "b0807f01", "9010e500", "80", "80f080")
]
_write = [load("miso.worker.rtp.codecs.vp8_indices", mode).write for mode in ("interpreted", "compiled")]
_parse = load("miso.worker.rtp.codecs.vp8", "interpreted").parse
_Descriptor = load("miso.worker.rtp.codecs.payload", "interpreted").PayloadDescriptor
_before, _after = _Descriptor(), _Descriptor()
_KEPT = ("is_key_frame", "begins_frame", "temporal_layer", "switching_up", "picture_id_bits", "size")


def run(data: bytes) -> None:
    """Both modes write the same, within the payload; what can be parsed has the word's numbers."""
    word, payload = int.from_bytes(data[:4], "big"), data[4:]
    written = [bytearray(payload + b"after") for _ in _write]
    for write, target in zip(_write, written, strict=True):
        write(target, len(payload), word)
    assert written[0] == written[1]
    assert written[0][len(payload) :] == b"after"
    if not _parse(payload, len(payload), _before):
        return
    assert _parse(bytes(written[0]), len(payload), _after)
    for field in _KEPT:
        assert getattr(_before, field) == getattr(_after, field), field
    if _before.picture_id >= 0:
        assert _after.picture_id == word & (0x7FFF if _before.picture_id_bits == 15 else 0x7F)
    if _before.tl0_picture_index >= 0:
        assert _after.tl0_picture_index == (word >> 15) & 0xFF
    if _before.key_index >= 0:
        assert _after.key_index == (word >> 23) & 0x1F
