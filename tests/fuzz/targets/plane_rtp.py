"""The plane's way of a decrypted RTP packet, from the header to the outputs and to what is sent again."""

from __future__ import annotations

import struct

from miso.worker.dataplane import IncomingTurn, Rounds
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import KEY_FRAME, RTX_SSRC, SSRC, VP8_RTX, Rig, rtp

EXTENSIONS = {1: b"0", 2: b"hi", 6: b"abc", 7: b"de", 8: b"\x80", 9: b"\x05"}
SEEDS = [
    rtp(1, KEY_FRAME + bytes(30), extensions=EXTENSIONS),
    rtp(2, bytes([0x90, 0xF0, 0x80, 0x01, 0x05, 0x20, 0x01]) + bytes(30), padding=9),
    rtp(3, struct.pack("!H", 2) + KEY_FRAME, ssrc=RTX_SSRC, payload_type=VP8_RTX),
    rtp(4, bytes([0x8F, 0x80, 0x01]) + bytes(20), ssrc=SSRC + 1, payload_type=103, marker=True),
    b"\xb2"
    + rtp(5)[1:12]
    + bytes(8)
    + struct.pack("!HH", 0x1000, 3)
    + b"\x01\x010\x06\x03abc\x07\x02de\0"
    + bytes(9)
    + b"\2",
]
_rig = Rig()
_rig.transport.feedback.enable_transport_wide(True)
_rig.transport.feedback.enable_remb(True)
_rig.stream.set_rtx(RTX_SSRC, VP8_RTX)
_consumer = _rig.add_consumer(selector=SimpleLayerSelector(False))
_other = _rig.transport_to(_rig.sender, _rig.udp)  # whatever comes to the first, this one forwards
_other_input = _rig.make_input(_other)
_rig.add_video(_other_input, 5)
_rounds = Rounds(_rig.plane, 64)
_turn = IncomingTurn(_rig.transport, is_direct=False)
_rounds.set(_turn, 0)
_number = 0


def run(data: bytes) -> None:
    """Never raises: what is malformed is counted and dropped."""
    global _number
    _number += 1
    now = _number * 1000
    with nothing_unraisable():
        _rig.transport.receive(data, now)
        _consumer.ask_again([_consumer.output.last_sequence], now + 500)
        _rig.stream.poll_nack(now)
        _rounds.run(now, ntp=_number)  # what the sender is told, ten times a second of this clock
        before = _other.rtp_received.bytes
        _other.receive(rtp(_number, KEY_FRAME, ssrc=5), now)
    assert _other.rtp_received.bytes > before
