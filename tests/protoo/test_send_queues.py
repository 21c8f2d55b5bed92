"""What waits for those who read slowly: counted in bytes, for each and for all."""

from __future__ import annotations

import asyncio
import tracemalloc

from miso.protoo import Notification, Peer, QueueLimits, Room, SendQueues, encode
from miso.protoo.send_queues import SendQueue
from tests.protoo.conftest import Host
from tests.protoo.test_server import join

EMOJI = "\N{GRINNING FACE}"


async def closing_size(peer: Peer[dict[str, object]], text: str) -> int:
    """How many characters could be queued before the peer was closed."""
    for count in range(10_000):
        if peer.closed:
            return count * len(text)
        peer.notify("m", text)
        await asyncio.sleep(0)
    raise AssertionError("never closed")


async def test_the_bytes_of_text_count_not_its_characters(host: Host) -> None:
    ascii_client, ascii_peer = await join(host, "a")
    emoji_client, emoji_peer = await join(host, "e")
    for client in (ascii_client, emoji_client):
        client.transport.pause_reading()
    # what the kernel takes besides does not wait here
    plain = await closing_size(ascii_peer, "x" * 100_000)
    emoji = await closing_size(emoji_peer, EMOJI * 100_000)
    assert emoji < plain / 2
    for client in (ascii_client, emoji_client):
        client.transport.abort()


async def test_a_message_to_many_is_kept_once(host: Host) -> None:
    joined = [await join(host, str(number)) for number in range(10)]
    for client, _ in joined:
        client.transport.pause_reading()
    frame = encode(Notification("m", "x" * 20_000))
    for _ in range(20):  # fills what the transports and the kernel take, at least in part
        for _, peer in joined:
            peer.send(frame)
    await asyncio.sleep(0.2)
    tracemalloc.start()
    for _ in range(100):
        frame = encode(Notification("m", "x" * 20_000))
        for _, peer in joined:
            peer.send(frame)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100 * 20_000 * 2
    for client, _ in joined:
        client.transport.abort()


def test_who_has_most_waiting_is_closed_when_all_together_have_too_much() -> None:
    total = SendQueues(1000)
    closed: list[str] = []

    def open_queue(name: str) -> SendQueue:
        def overflow(queue: SendQueue) -> None:
            closed.append(name)
            queue.close()

        return total.open(QueueLimits(messages=10, bytes=900), overflow)

    first, second, third = open_queue("first"), open_queue("second"), open_queue("third")
    first.waits(1, 200)
    second.waits(1, 500)
    third.waits(1, 300)
    assert (closed, total.bytes) == ([], 1000)
    first.waits(2, 201)
    assert (closed, total.bytes) == (["second"], 501)
    first.waits(11, 201)
    assert closed == ["second", "first"]
    third.waits(1, 901)
    assert closed == ["second", "first", "third"]
    assert total.bytes == 0
    first.close()
    assert total.bytes == 0


async def test_many_slow_readers_have_a_bound_together_and_the_others_stay() -> None:
    total = SendQueues(1_000_000)
    room: Room[dict[str, object]] = Room(queues=total)
    transports = [_Stuck() for _ in range(10)]
    peers = [room.create_peer(str(number), transport, {}) for number, transport in enumerate(transports)]
    frame = encode(Notification("m", "x" * 10_000))
    for number in range(50):
        for peer in peers[: number // 5 + 1]:
            if not peer.closed:
                peer.send(frame)
        await asyncio.sleep(0)
        assert total.bytes <= 1_000_000
    assert peers[0].closed
    assert not peers[9].closed
    room.close()
    for transport in transports:
        transport.gone.set()
    await asyncio.gather(*(peer.wait_closed() for peer in peers))
    assert total.bytes == 0


class _Stuck:
    """A transport whose other side does not read."""

    remote_address = ""
    unsent_bytes = 0

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def receive(self) -> str | bytes:
        await asyncio.Event().wait()
        return ""

    async def send(self, text: bytes) -> None:
        await self.gone.wait()

    async def close(self, code: int, reason: str) -> None:
        pass
