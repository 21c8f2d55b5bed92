"""The parser of a codec's payload descriptor, interpreted and compiled: both must read the same."""

from __future__ import annotations

from miso.worker.errors import ParseError
from tests.modes import MODES, load

_FIELDS = ("is_key_frame", "spatial_layer", "temporal_layer", "picture_id", "tl0_picture_index", "size")


class PayloadParser:
    """``miso.worker.rtp.codecs.<codec>.parse`` in both modes."""

    def __init__(self, codec: str) -> None:
        self._modes = [
            (
                load(f"miso.worker.rtp.codecs.{codec}", mode).parse,
                load("miso.worker.rtp.codecs.payload", mode).PayloadDescriptor(),
            )
            for mode in MODES
        ]

    def run(self, data: bytes) -> None:
        """Accepts the payload, or raises ParseError; reading past it shows as the interpreted one's IndexError."""
        results = [parse(data, len(data), descriptor) for parse, descriptor in self._modes]
        assert results[0] == results[1]
        interpreted, compiled = (descriptor for _, descriptor in self._modes)
        for field in _FIELDS:
            assert getattr(interpreted, field) == getattr(compiled, field), field
        assert interpreted.size <= len(data)
        if not results[0]:
            raise ParseError("refused")
