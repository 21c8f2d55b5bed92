"""Messages between two hosts whose networks lose, delay and reorder datagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.transport import ConsumeDataRequest, ProduceDataRequest
from tests.scenarios.messenger import Messenger
from tests.scenarios.network import Path
from tests.scenarios.scene import Scene

STREAM = 2


@dataclass
class Conversation:
    """Two messengers and the stream from the first to the second one."""

    scene: Scene
    sender: Messenger
    receiver: Messenger

    def run(self, seconds: float) -> None:
        self.scene.run(seconds, self._tick)

    def _tick(self) -> None:
        self.sender.tick()
        self.receiver.tick()


def converse(scene: Scene, *, loss: float = 0.0, reorders: bool = False, **stream: Any) -> Conversation:
    """Both hosts have 25 ms to the worker, and lose as much in each direction."""

    def path(seed: int) -> Path:
        return Path(seed=seed, loss=loss, delay_ms=25, jitter_ms=10 if reorders else 0, reorders=reorders)

    first = scene.connect(path(1), path(2), sctp=True)
    second = scene.connect(path(3), path(4), sctp=True)
    conversation = Conversation(scene, Messenger(first, 1), Messenger(second, 2))
    for _ in range(20):
        if conversation.sender.connected and conversation.receiver.connected:
            break
        conversation.run(1)
    parameters = {"streamId": STREAM, **stream}
    produce = {"dataProducerId": "p", "type": "sctp", "sctpStreamParameters": parameters}
    first.transport.produce_data(msgspec.convert(produce, ProduceDataRequest))
    consume = {"dataConsumerId": "c", "dataProducerId": "p", "type": "sctp", "sctpStreamParameters": parameters}
    second.transport.consume_data(msgspec.convert(consume, ConsumeDataRequest))
    return conversation


def test_reliable_messages_all_arrive_in_order_through_loss_and_reordering(scene: Scene) -> None:
    conversation = converse(scene, loss=0.05, reorders=True)
    messages = [b"%06d" % number + bytes(number % 3000) for number in range(1000)]
    for start in range(0, len(messages), 10):
        for message in messages[start : start + 10]:
            conversation.sender.send(STREAM, message)
        conversation.run(0.1)
    conversation.run(20)
    assert conversation.receiver.received == messages


def test_unordered_messages_without_repairs_are_lost_now_and_then_and_delay_nobody(scene: Scene) -> None:
    conversation = converse(scene, loss=0.05, ordered=False, maxRetransmits=0)
    count = 2000
    for number in range(count):
        conversation.sender.send(STREAM, b"%06d" % number, ordered=False, max_retransmits=0)
        conversation.run(0.01)
        if number % 100 == 99 and conversation.receiver.received:
            newest = int(conversation.receiver.received[-1])
            assert number - newest < 30, "messages of the last 300 ms should not wait for older ones"
    conversation.run(5)
    numbers = [int(message) for message in conversation.receiver.received]
    assert len(numbers) == len(set(numbers))
    assert 0.88 * count < len(numbers) < 0.925 * count  # two hops with 5 % each


@pytest.mark.parametrize(("gap_ms", "limit_ms"), [(50, 350), (250, 350)])
def test_small_messages_come_soon_through_loss(scene: Scene, gap_ms: int, limit_ms: int) -> None:
    """99 of 100, over two hops of 25 ms each way with 5 % loss both ways; a timeout alone takes 400 ms for each hop."""
    conversation = converse(scene, loss=0.05)
    sent_us = []
    for number in range(1000):
        sent_us.append(scene.now_us)
        conversation.sender.send(STREAM, b"%06d" % number)
        conversation.run(gap_ms / 1000)
    conversation.run(5)
    came_us = conversation.receiver.received_us
    delays_ms = sorted((came - sent) / 1000 for came, sent in zip(came_us, sent_us, strict=True))
    assert delays_ms[500] < 60
    assert delays_ms[990] < limit_ms


def test_messages_go_on_after_the_network_was_gone_for_seconds(scene: Scene) -> None:
    conversation = converse(scene)
    endpoint = scene.endpoints[1]
    conversation.sender.send(STREAM, b"before")
    conversation.run(1)
    endpoint.to_worker.loss = endpoint.from_worker.loss = 1.0
    for number in range(20):
        conversation.sender.send(STREAM, b"%d" % number)
        conversation.run(0.2)
    endpoint.to_worker.loss = endpoint.from_worker.loss = 0.0
    conversation.run(15)
    assert conversation.receiver.received == [b"before", *(b"%d" % number for number in range(20))]
