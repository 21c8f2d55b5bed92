"""The plane's way of packets with layers: simulcast VP8 and H264, VP9 SVC. The first byte of the input is a wish."""

from __future__ import annotations

from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import SimulcastLayerSelector, SvcLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import SSRC, VP8, Rig, rtp
from tests.worker.rtp.payloads import frame_marking, h264, vp8, vp9

STREAMS = [(Codec.VP8, 0), (Codec.VP8, 1), (Codec.VP8, 2), (Codec.H264, 0), (Codec.VP9, 0)]
MARKING_ID = 12
SEEDS = [
    bytes([8]) + rtp(1, vp8(picture_id=5, tl0=1, temporal=0, key_index=1, key=True), ssrc=SSRC + 10),
    bytes([4]) + rtp(2, vp8(picture_id=5, bits=7, tl0=1, temporal=2), ssrc=SSRC + 11, extensions={1: b"7"}),
    bytes([1]) + rtp(3, h264(), ssrc=SSRC + 13, extensions={MARKING_ID: frame_marking(independent=True)}),
    bytes([2]) + rtp(4, vp9(picture_id=9, inter_picture=False), ssrc=SSRC + 14),
    bytes([6]) + rtp(5, vp9(picture_id=9, bits=7, spatial=2, temporal=1), ssrc=SSRC + 14, marker=True),
]


def _selectors() -> list[SimulcastLayerSelector | SvcLayerSelector]:
    return [
        SimulcastLayerSelector(Codec.VP8, 3, 3),
        SimulcastLayerSelector(Codec.H264, 3, 3),
        SvcLayerSelector(Codec.VP9, 3, 3, False),
        SvcLayerSelector(Codec.VP9, 3, 3, True),
    ]


_CODECS = (Codec.VP8, Codec.H264, Codec.VP9, Codec.VP9)
_rig = Rig()
_inputs = {codec: _rig.make_input(_rig.transport) for codec in _CODECS}
_layered = _selectors()
_consumers = []
for _codec, _selector in zip(_CODECS, _layered, strict=True):
    _consumer = _rig.add_consumer(selector=_selector, codec=_codec)
    _rig.input.remove_consumer(_consumer.output)
    _inputs[_codec].add_consumer(_consumer.output)
    _consumers.append(_consumer)
for _index, (_codec, _encoding) in enumerate(STREAMS):
    _inputs[_codec].map_extension("frame_marking", MARKING_ID, 0)
    _inputs[_codec].add_stream(
        ssrc=SSRC + 10 + _index,
        mapped_ssrc=_index,
        codec=_codec,
        payload_type=VP8,
        clock_rate=90000,
        use_nack=True,
        use_pli=True,
        spatial_layers=3 if _codec == Codec.VP9 else 1,
        temporal_layers=3,
        encoding_index=_encoding,
    ).sender_report(1 << 32, 0, 0)
_number = 0


def run(data: bytes) -> None:
    """Never raises; what is current is among the layers there are."""
    global _number
    _number += 1
    now = _number * 1000
    wish = (data or b"\0")[0]
    with nothing_unraisable():
        for selector in _layered:
            if wish < 9:
                selector.set_target(wish // 3, wish % 3)
            elif wish == 9:
                selector.set_target(-1, -1)
            elif wish == 10:
                selector.sync()
        _rig.transport.receive(data[1:], now)
        for consumer in _consumers:
            consumer.ask_again([consumer.output.last_sequence], now + 500)
    for selector in _layered:
        assert -1 <= selector.current_spatial < 3
        assert -1 <= selector.current_temporal <= max(selector.target_temporal, 2)
        assert (selector.current_spatial < 0) == (selector.current_temporal < 0)
