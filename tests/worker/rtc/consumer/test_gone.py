"""A consumer that has closed leaves its memory at once: most of a worker's objects are consumers'."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from miso.worker.rtc.consumer.consumer import Consumer
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import KEY_FRAME, rtp


@pytest.fixture
def without_search_for_cycles() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def simple(rig: Rig, receiver: Peer) -> Consumer:
    sender = rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    sender.send(rtp(1, KEY_FRAME, ssrc=1111, payload_type=96))
    assert receiver.rtp()
    return consumer


def simulcast(rig: Rig, receiver: Peer) -> Consumer:
    return _layered(LayeredSender(rig, modes=["L1T3", "L1T3", "L1T3"]), receiver)


def svc(rig: Rig, receiver: Peer) -> Consumer:
    return _layered(LayeredSender(rig, codec="VP9", modes=["L3T3"]), receiver)


def _layered(sender: LayeredSender, receiver: Peer) -> Consumer:
    consumer = sender.consume(receiver)
    sender.send_frame(0, 1, 2, key=True)
    assert receiver.rtp()
    return consumer


@pytest.mark.parametrize("begin", [simple, simulcast, svc])
@pytest.mark.usefixtures("without_search_for_cycles")
def test_a_closed_consumer_is_gone(rig: Rig, begin: Callable[[Rig, Peer], Consumer]) -> None:
    consumer = begin(rig, rig.connect())
    parts = [weakref.ref(part) for part in (consumer, consumer.layers, *consumer.streams)]
    consumer.close()
    del consumer
    rig.clock.settle()
    assert [part() for part in parts] == [None] * len(parts)
