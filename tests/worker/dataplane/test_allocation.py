"""No Python object per forwarded packet, not even for a moment; and few bytes per consumer."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

import pytest

from miso.worker.dataplane import KeyFrameReceived, LayersSwitched, SrtpSuite, TransportPlane, UdpSocket
from miso.worker.rtp.codecs.codec import Codec
from miso.worker.rtp.layer_selectors import SimulcastLayerSelector, SvcLayerSelector
from tests.worker.dataplane.allocations import counted
from tests.worker.dataplane.rig import KEY_FRAME, SSRC, VP8, Rig, address_of, make_output, now_us, rtp
from tests.worker.rtp.payloads import vp8, vp9

BATCH = 25
CONSUMERS = 8


def resident_kb() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.parametrize("suite", [None, SrtpSuite.AES_CM_128_HMAC_SHA1_80, SrtpSuite.AEAD_AES_128_GCM])
def test_forwarding_allocates_no_python_object(make_rig: Callable[..., Rig], suite: SrtpSuite | None) -> None:
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
        with counted() as allocations:
            events = rig.udp.receive(now)
        if round_number >= 10:
            most_in_one_call = max(most_in_one_call, allocations.count)
        assert events == []
    kept = sys.getallocatedblocks() - kept_from
    gc.enable()
    forwarded = sum(consumer.output.packets for consumer in consumers) - forwarded_before
    assert forwarded == 60 * BATCH * CONSUMERS == 12_000
    assert most_in_one_call <= 5 * CONSUMERS  # the ring of each output doubles; one per packet would be 200 or more
    assert kept <= 60


def packets_of_picture(rig: Rig, layers: str, number: int, *, key: bool = False) -> list[bytes]:
    """A picture of three spatial layers, as three simulcast streams or as one of SVC; L1T3 in time."""
    temporal = (0, 2, 1, 2)[number % 4]
    if layers == "simulcast":
        payload = vp8(picture_id=number, tl0=number // 4, temporal=temporal, sync=temporal > 0, key=key, size=200)
        return [rtp(number, payload, ssrc=SSRC + 100 + stream) for stream in range(3)]
    return [
        rtp(
            3 * number + spatial,
            vp9(picture_id=number, spatial=spatial, temporal=temporal, up=True, inter_picture=not key, size=200),
            timestamp=3000 * number,
            ssrc=SSRC + 100,
        )
        for spatial in range(3)
    ]


@pytest.mark.parametrize("layers", ["simulcast", "svc"])
def test_layers_and_their_switches_allocate_no_python_object(make_rig: Callable[..., Rig], layers: str) -> None:
    """A switch makes its events, of which control must know; nothing else, and nothing between switches."""
    suite = SrtpSuite.AES_CM_128_HMAC_SHA1_80
    rig = make_rig(suite)
    codec = Codec.VP8 if layers == "simulcast" else Codec.VP9
    for index in range(3 if layers == "simulcast" else 1):
        stream = rig.input.add_stream(
            ssrc=SSRC + 100 + index,
            mapped_ssrc=SSRC + 200 + index,
            codec=codec,
            payload_type=VP8,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
            spatial_layers=1 if layers == "simulcast" else 3,
            temporal_layers=3,
            encoding_index=1 + index if layers == "simulcast" else 1,
        )
        stream.sender_report(1 << 32, 0, now_us())
    selectors = [
        SimulcastLayerSelector(codec, 4, 3) if layers == "simulcast" else SvcLayerSelector(codec, 3, 3, False)
        for _ in range(CONSUMERS)
    ]
    consumers = [rig.add_consumer(suite=suite, selector=selector, codec=codec) for selector in selectors]
    to = address_of(rig.socket)
    lowest = 1 if layers == "simulcast" else 0
    gc.collect()
    gc.disable()
    most_in_one_call = kept_from = forwarded_from = 0
    for round_number in range(80):
        if round_number == 40:
            kept_from = sys.getallocatedblocks()
            forwarded_from = sum(consumer.output.packets for consumer in consumers)
        switching = round_number % 10 == 0
        if switching:
            for number, selector in enumerate(selectors):
                selector.set_target(lowest + (number + round_number // 10) % 3, 2)
        for number in range(8):
            for packet in packets_of_picture(rig, layers, round_number * 8 + number, key=switching and number == 0):
                rig.sender.send(packet, to)
        now = now_us()
        with counted() as allocations:
            events = rig.udp.receive(now)
        if switching:
            assert {type(event) for event in events} == {LayersSwitched, KeyFrameReceived}
        else:
            assert [event for event in events if not isinstance(event, LayersSwitched)] == []
        del events
        if round_number >= 40 and not switching:
            most_in_one_call = max(most_in_one_call, allocations.count)
    kept = sys.getallocatedblocks() - kept_from
    gc.enable()
    forwarded = sum(consumer.output.packets for consumer in consumers) - forwarded_from
    assert forwarded >= 40 * 8 * CONSUMERS
    assert most_in_one_call <= 8 * CONSUMERS
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
        rig.input.add_consumer(output)
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
