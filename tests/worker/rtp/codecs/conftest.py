"""One parser per codec, each in both modes."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def parse(load) -> Callable[[str, bytes], object]:
    """``parse("vp8", data)`` gives the descriptor, or None for a malformed payload."""

    def parse(codec: str, data: bytes) -> object:
        descriptor = load("miso.worker.rtp.codecs.payload").PayloadDescriptor()
        if load(f"miso.worker.rtp.codecs.{codec}").parse(data, len(data), descriptor):
            return descriptor
        assert (descriptor.picture_id, descriptor.temporal_layer, descriptor.is_key_frame) == (-1, -1, False)
        return None

    return parse
