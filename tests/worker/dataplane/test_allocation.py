"""No Python object per forwarded packet, and few bytes per consumer."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

import pytest

from tests.worker.dataplane.rig import KEY_FRAME, Rig, address_of, make_output, now_us, rtp
from worker.dataplane.plane import SrtpSuite, TransportPlane, UdpSocket

BATCH = 25
CONSUMERS = 8


def resident_kb() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.parametrize("suite", [None, SrtpSuite.AES_CM_128_HMAC_SHA1_80, SrtpSuite.AEAD_AES_128_GCM])
def test_forwarding_allocates_no_python_object(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
    """Counted while they live: whatever a packet made and kept, and what the interpreter made on its way."""
    rig = make_rig(suite)
    consumers = [rig.add_consumer(suite=suite) for _ in range(CONSUMERS)]
    rig.send(rtp(0, KEY_FRAME))
    to = address_of(rig.socket)
    forwarded_before = sum(consumer.output.packets for consumer in consumers)
    gc.collect()
    gc.disable()
    most_in_one_call = 0
    kept_from = 0
    for round_number in range(60):
        if round_number == 10:  # rings and stores have grown to what this rate needs
            kept_from = sys.getallocatedblocks()
        for number in range(BATCH):
            rig.sender.send(rtp(1 + round_number * BATCH + number), to)
        now = now_us()
        before = sys.getallocatedblocks()
        events = rig.udp.receive(now)
        most_in_one_call = max(most_in_one_call, sys.getallocatedblocks() - before)
        assert events == []
    kept = sys.getallocatedblocks() - kept_from
    gc.enable()
    forwarded = sum(consumer.output.packets for consumer in consumers) - forwarded_before
    assert forwarded == 60 * BATCH * CONSUMERS == 12_000
    assert most_in_one_call <= 8 * CONSUMERS  # rings of 8 outputs doubling; one per packet would be 200 or more
    assert kept <= 60


def test_a_consumer_with_srtp_takes_less_than_47_kb(rig: Rig) -> None:
    """Its socket object, transport, keys and output, after it has sent what a second of video is."""

    def consumer() -> TransportPlane:
        via = UdpSocket(rig.plane, rig.socket.fileno())
        transport = TransportPlane(rig.plane, True)
        transport.accept_from(via, rig.sender.address)
        transport.set_destination(via, rig.sender.address)
        transport.set_srtp(SrtpSuite.AES_CM_128_HMAC_SHA1_80, bytes(30), bytes(30))
        transport.connected = True
        output = make_output(transport)
        output.active = True
        rig.input.add_output(output)
        return transport

    made = [consumer() for _ in range(20)]
    rig.transport.receive(rtp(1, KEY_FRAME), now_us())
    gc.collect()
    before = resident_kb()
    made += [consumer() for _ in range(400)]
    rig.transport.receive(rtp(2, KEY_FRAME), now_us())
    for number in range(3, 103):
        rig.transport.receive(rtp(number), now_us())
    assert (resident_kb() - before) / 400 < 47
    for transport in made:
        transport.close()
