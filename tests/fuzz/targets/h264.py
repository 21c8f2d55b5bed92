"""H264 payloads, interpreted: an index out of range shows as an IndexError."""

from tests.modes import load
from worker.errors import ParseError

SEEDS = [bytes.fromhex(seed) for seed in ("6742e01f", "65888400", "7c858884", "7800046742e01f000468ce3c80000465888400")]
_MODES = [
    (load("worker.rtp.codecs.h264", mode).parse, load("worker.rtp.codecs.payload", mode).PayloadDescriptor())
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
