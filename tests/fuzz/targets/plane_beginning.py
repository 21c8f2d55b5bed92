"""Where receivers begin: H264 and VP8 packets in any order, of any pictures, with parameter sets of any shape.

The input is a row of packets: how far its number is ahead of 64 before the next one (255: receivers begin anew), its
picture, the size of its payload, its payload.
"""

from __future__ import annotations

from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import LayerSelector, SimpleLayerSelector, SimulcastLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import SSRC, VP8, Rig, rtp
from tests.worker.rtp.payloads import vp8

SPS, PPS, IDR, SLICE = (bytes.fromhex(unit) for unit in ("6742e01fda", "68ce3c80", "65888400", "419a0000"))
BEGIN_ANEW = 255


def _row(*packets: tuple[int, int, bytes]) -> bytes:
    return b"".join(bytes((ahead, picture, len(payload))) + payload for ahead, picture, payload in packets)


def _stap_a(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


SEEDS = [
    _row((65, 1, SPS), (66, 1, PPS), (67, 1, IDR), (68, 2, SLICE)),
    _row((68, 1, IDR), (65, 1, _stap_a(SPS, PPS)), (67, 1, b"\x7c\x85\x88"), (BEGIN_ANEW, 0, b""), (69, 2, IDR)),
    _row((66, 1, vp8(begins=False, picture_id=1)), (65, 1, vp8(key=True, picture_id=1)), (67, 2, vp8(picture_id=2))),
    _row(*((64 + n, n, b"\x67\x42\xe0\x1f" + bytes((n << 2 | 2, n))) for n in range(1, 30)), (100, 40, IDR)),
]
_rig = Rig()
_rig.stream.close()
_selectors: list[LayerSelector] = []
for _index, _codec in enumerate((Codec.H264, Codec.VP8)):
    _input = _rig.make_input(_rig.transport)
    _input.add_stream(
        ssrc=SSRC + 20 + _index,
        mapped_ssrc=SSRC + 30 + _index,
        codec=_codec,
        payload_type=VP8,
        clock_rate=90000,
        use_nack=True,
        use_pli=True,
    )
    for _layered in (False, True):
        _selector = SimulcastLayerSelector(_codec, 1, 1) if _layered else SimpleLayerSelector(True)
        _consumer = _rig.add_consumer(codec=_codec, selector=_selector, keep_for_retransmission=_layered)
        _rig.input.remove_consumer(_consumer.output)
        _input.add_consumer(_consumer.output)
        if isinstance(_selector, SimulcastLayerSelector):
            _selector.set_target(0, 0)
        _selectors.append(_selector)
_number = 1000
_now_us = 1_000_000


def run(data: bytes) -> None:
    """Never raises."""
    global _number, _now_us
    with nothing_unraisable():
        while len(data) >= 3:
            ahead, picture, size = data[:3]
            payload, data = data[3 : 3 + size], data[3 + size :]
            _now_us += 1000
            if ahead == BEGIN_ANEW:
                for selector in _selectors:
                    selector.sync()
                continue
            for index in range(2):
                packet = rtp(
                    _number - 64 + ahead, payload, ssrc=SSRC + 20 + index, payload_type=VP8, timestamp=3000 * picture
                )
                _rig.transport.receive(packet, _now_us)
            _number += 1
