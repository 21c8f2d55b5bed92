"""A room over workers of this machine: a shard in each, and a publisher of VP8 on the first."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from miso.cluster.facts import ParticipantFact, ProducerFact, RoomFact, ShardFact
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.shard import Shard
from miso.controller import Consumer, Producer, Worker, create_worker

LOCAL = "127.0.0.1"
PAYLOAD_TYPE = 101  # as the sinks expect
PRODUCER_SSRC = 1_000_000
MEDIA_CODECS = [
    {"kind": "video", "mimeType": "video/VP8", "clockRate": 90000, "preferredPayloadType": PAYLOAD_TYPE},
]
RTP_PARAMETERS: dict[str, Any] = {
    "codecs": [{"mimeType": "video/VP8", "payloadType": PAYLOAD_TYPE, "clockRate": 90000}],
    "encodings": [{"ssrc": PRODUCER_SSRC}],
    "rtcp": {"cname": "publisher"},
}


class Room:
    """Everything that a measurement needs.

    Attributes:
        workers: The workers.
        shards: A shard in each, the first one has the publisher.
    """

    def __init__(self, *, encrypted: bool) -> None:
        """Empty; ``encrypted``: each worker counts as a host of its own."""
        self.workers: list[Worker] = []
        self.shards: list[Shard] = []
        self._encrypted = encrypted
        self._facts = RoomFacts()

    async def __aenter__(self) -> Room:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for shard in self.shards:
            shard.close()
            await shard.wait_closed()
        for worker in self.workers:
            worker.close()
            await worker.wait_closed()

    async def add_worker(self) -> None:
        """One more worker, with a shard in it."""
        worker = await create_worker(log_level="error")
        self.workers.append(worker)
        node = f"node-{len(self.workers) if self._encrypted else 0}"
        said = _Said(self, node)
        shard = Shard(
            f"shard-{len(self.workers)}", await worker.create_router(media_codecs=MEDIA_CODECS), self._facts, said
        )
        self.shards.append(shard)
        said.put(ShardFact(shard=shard.id))

    async def publish(self, sender: tuple[str, int]) -> tuple[Producer, tuple[str, int]]:
        """Somebody publishes from that address.

        Returns:
            The producer, and where its packets are to be sent to.
        """
        shard = self.shards[0]
        transport = await shard.router.create_plain_transport(listen_ip=LOCAL)
        await transport.connect(ip=sender[0], port=sender[1])
        producer = await transport.produce(kind="video", rtp_parameters=RTP_PARAMETERS)
        said = _Said(self, "node-1" if self._encrypted else "node-0")
        said.put(ParticipantFact(participant="publisher", shard=shard.id, stamp=1, info={}))
        said.put(
            ProducerFact(
                producer=producer.id,
                participant="publisher",
                shard=shard.id,
                kind="video",
                type="simple",
                rtp=producer.consumable_rtp_parameters,
            )
        )
        return producer, (transport.tuple.local_ip, transport.tuple.local_port)

    async def subscribe(self, shard: Shard, producer_id: str, receiver: tuple[str, int]) -> Consumer:
        """Somebody on a shard gets the publisher's video at that address."""
        lease = await shard.fetch(producer_id)
        transport = await shard.router.create_plain_transport(listen_ip=LOCAL)
        await transport.connect(ip=receiver[0], port=receiver[1])
        return await transport.consume(
            producer_id=lease.producer.id, rtp_capabilities=shard.router.rtp_capabilities, enable_rtx=False
        )

    def change(self, node: str, key: str, fact: RoomFact | None) -> None:
        """Something is said."""
        self._facts.change(node, key, fact)
        for shard in self.shards:
            shard.look()


class _Said:
    """What one node says."""

    def __init__(self, room: Room, node: str) -> None:
        self._room = room
        self._node = node

    def put(self, fact: RoomFact) -> None:
        self._room.change(self._node, fact.key, fact)

    def drop(self, key: str) -> None:
        self._room.change(self._node, key, None)
