"""The plane's entry for datagrams as they come, on a plain transport and on two with SRTP of either kind."""

from __future__ import annotations

import struct

from pylibsrtp import Policy, Session

from miso.worker.dataplane import SrtpSuite
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.fuzz.unraisable import nothing_unraisable
from tests.worker.dataplane.rig import KEY_FRAME, Peer, Rig, rtp

RECEIVER_REPORT = struct.pack("!BBHL", 0x81, 201, 7, 1) + bytes(24)
_rig = Rig(SrtpSuite.AES_CM_128_HMAC_SHA1_80)
_plain_peer = Peer()
_plain = _rig.transport_to(_plain_peer, _rig.udp)
_plain_input = _rig.make_input(_plain)
_rig.add_video(_plain_input, 5)
_consumer = _rig.add_consumer(suite=SrtpSuite.AEAD_AES_128_GCM, selector=SimpleLayerSelector(False))
_gcm_peer = Peer(suite=SrtpSuite.AEAD_AES_128_GCM)
_gcm = _rig.transport_to(_gcm_peer, _rig.udp)
_other_policy = Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_OUTBOUND)
SEEDS = [
    rtp(1, KEY_FRAME),
    RECEIVER_REPORT,
    _rig.sender.outgoing.protect(rtp(2, KEY_FRAME)),
    _rig.sender.outgoing.protect_rtcp(RECEIVER_REPORT),
    _gcm_peer.outgoing.protect(rtp(2, KEY_FRAME)),
    _gcm_peer.outgoing.protect_rtcp(RECEIVER_REPORT),
    Session(_other_policy).protect(rtp(3)),
    bytes([0, 1, 0, 8]) + bytes.fromhex("2112a442") + bytes(20),
    bytes([22, 254, 253]) + bytes(40),
    struct.pack("!HH", 5000, 5000) + bytes(20),
]
_number = 100


def run(data: bytes) -> None:
    """Never raises; the good packet after it is still forwarded."""
    global _number
    _number += 1
    with nothing_unraisable():
        for transport in (_rig.transport, _gcm, _plain):
            transport.receive_protected(data, _number)
        before = _consumer.output.packets
        good = _rig.sender.outgoing.protect(rtp(_number, KEY_FRAME))
        _rig.transport.receive_protected(good, _number)
    assert _consumer.output.packets == before + 1
