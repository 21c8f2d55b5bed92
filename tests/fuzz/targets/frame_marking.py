"""Frame-marking extensions of any length, in both modes."""

from tests.modes import load

SEEDS = [bytes.fromhex(seed) for seed in ("c0", "e00000", "8a0007", "d20105", "")]
_MODES = [
    (
        load("miso.worker.rtp.codecs.h264", mode).parse_frame_marking,
        load("miso.worker.rtp.codecs.payload", mode).PayloadDescriptor(),
    )
    for mode in ("interpreted", "compiled")
]
_FIELDS = (
    "is_key_frame",
    "begins_frame",
    "ends_frame",
    "discardable",
    "switching_up",
    "spatial_layer",
    "temporal_layer",
    "tl0_picture_index",
)


def run(data: bytes) -> None:
    """Both modes read the same; an index out of range shows as an IndexError of the interpreted one."""
    for parse, descriptor in _MODES:
        descriptor.clear()
        parse(data, 0, len(data), descriptor)
    interpreted, compiled = (descriptor for _, descriptor in _MODES)
    for field in _FIELDS:
        assert getattr(interpreted, field) == getattr(compiled, field), field
    assert -1 <= interpreted.temporal_layer <= 7
    assert -1 <= interpreted.spatial_layer <= 7
