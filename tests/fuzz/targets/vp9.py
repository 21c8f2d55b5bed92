"""VP9 payloads, interpreted: an index out of range shows as an IndexError."""

from tests.modes import load
from worker.errors import ParseError

SEEDS = [
    bytes.fromhex(seed)
    for seed in ("aa8123350958014000b402800168050002d002003401ff", "f40520030502ff", "a8010000ff", "8801ff")
]
_MODES = [
    (load("worker.rtp.codecs.vp9", mode).parse, load("worker.rtp.codecs.payload", mode).PayloadDescriptor())
    for mode in ("interpreted", "compiled")
]
_FIELDS = ("is_key_frame", "spatial_layer", "temporal_layer", "picture_id", "tl0_picture_index", "size")


def run(data: bytes) -> None:
    """Both modes accept the same payloads and read the same from them."""
    results = [parse(data, len(data), descriptor) for parse, descriptor in _MODES]
    assert results[0] == results[1]
    interpreted, compiled = (descriptor for _, descriptor in _MODES)
    for field in _FIELDS:
        assert getattr(interpreted, field) == getattr(compiled, field), field
    assert interpreted.size <= len(data)
    if not results[0]:
        raise ParseError("refused")
