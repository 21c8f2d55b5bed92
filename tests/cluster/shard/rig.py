"""A room over several hosts in one process: real workers, a directory in memory, people who send and watch RTP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from miso.cluster.directory.memory import MemoryDirectory, MemoryStore
from miso.cluster.facts import (
    DataProducerFact,
    Message,
    ParticipantFact,
    PipeEndFact,
    ProducerFact,
    RoomFact,
    ShardFact,
    Source,
)
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.settings import PipeAddress, ShardSettings
from miso.cluster.shard.shard import Shard
from miso.cluster.shard.wants import Facts
from miso.controller import DataProducer, PipeTransport, PlainTransport, Producer, Router, Worker, create_worker
from miso.worker.rtcp.compound import build_compound, parse_compound
from miso.worker.rtcp.feedback import Fir, Pli
from tests.cluster.shard.wire import Wire
from tests.controller.conftest import MEDIA_CODECS
from tests.patience import PATIENCE_S
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, RtpPacket, parse_rtp, rtp

PAYLOAD_TYPE, RTX_PAYLOAD_TYPE = 112, 113
FRAME_S = 0.02
SETTINGS = ShardSettings(linger_s=0.2, first_retry_s=0.05, longest_retry_s=0.2, check_s=0.1)

_ssrcs = itertools.count(20_000_000, 1000)


async def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Waits until something is so. Raises ``TimeoutError``."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # facts and packets have no event in common
            await asyncio.sleep(0.01)


class Peer(asyncio.DatagramProtocol):
    """A UDP socket that speaks to a plain transport."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.times: list[float] = []
        self.key_frame_requests = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, transport: PlainTransport) -> None:
        address = (transport.tuple.local_ip, transport.tuple.local_port)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if 192 <= data[1] <= 223:
            self.key_frame_requests += sum(isinstance(packet, Pli | Fir) for packet in parse_compound(data))
        else:
            self.packets.append(parse_rtp(data))
            self.times.append(asyncio.get_running_loop().time())

    def send(self, packet: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.sendto(packet)

    @property
    def local_address(self) -> tuple[str, int]:
        assert self._transport is not None
        ip, port = self._transport.get_extra_info("sockname")
        return ip, port

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Camera:
    """Sends frames of one packet each, of all its layers, and a key frame when it is asked for one.

    Attributes:
        producer: Its producer.
        peer: Its socket.
        sent: How many frames it has sent of each layer.
    """

    def __init__(self, layers: int) -> None:
        self.peer = Peer()
        self.sent = 0
        self._first_ssrc = next(_ssrcs)
        self._layers = layers
        self._answered = -1  # key frame requests
        self._task: asyncio.Task[None] | None = None

    @property
    def rtp_parameters(self) -> dict[str, Any]:
        encodings = [
            {"ssrc": self._first_ssrc + 2 * layer, "rtx": {"ssrc": self._first_ssrc + 2 * layer + 1}}
            for layer in range(self._layers)
        ]
        return {
            "mid": str(self._first_ssrc),
            "codecs": [
                {
                    "mimeType": "video/VP8",
                    "payloadType": PAYLOAD_TYPE,
                    "clockRate": 90000,
                    "rtcpFeedback": [{"type": "nack"}, {"type": "nack", "parameter": "pli"}],
                },
                {
                    "mimeType": "video/rtx",
                    "payloadType": RTX_PAYLOAD_TYPE,
                    "clockRate": 90000,
                    "parameters": {"apt": PAYLOAD_TYPE},
                },
            ],
            "encodings": encodings,
            "rtcp": {"cname": str(self._first_ssrc)},
        }

    async def start(self, transport: PlainTransport) -> Producer:
        producer = await transport.produce(kind="video", rtp_parameters=self.rtp_parameters)
        await self.peer.open(transport)
        self.go_on()
        return producer

    def go_on(self) -> None:
        """Sends, until ``halt``."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self.frame()
            await asyncio.sleep(FRAME_S)

    def frame(self) -> None:
        """Sends the next frame."""
        requested = self.peer.key_frame_requests
        payload = KEY_FRAME if requested > self._answered else DELTA_FRAME
        self._answered = requested
        for layer in range(self._layers):
            ssrc = self._first_ssrc + 2 * layer
            timestamp = int(self.sent * FRAME_S * 90000)
            marked = payload + bytes((layer,))
            self.peer.send(
                rtp(self.sent, marked, ssrc=ssrc, payload_type=PAYLOAD_TYPE, timestamp=timestamp, marker=True)
            )
        self.sent += 1

    def halt(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        self.halt()
        self.peer.close()


class Screen(Peer):
    """Somebody who watches one producer.

    Attributes:
        consumer: Of what it watches.
    """

    async def watch(self, router: Router, producer: Producer) -> None:
        transport = await router.create_plain_transport(listen_ip="127.0.0.1")
        await self.open(transport)
        ip, port = self.local_address
        await transport.connect(ip=ip, port=port)
        self.consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)

    def ask_for_key_frame(self) -> None:
        ssrc = self.consumer.rtp_parameters.encodings[0].ssrc
        assert ssrc is not None
        self.send(build_compound([Pli(1, ssrc)]))

    async def sees(self, more: int = 5, within_s: float = PATIENCE_S) -> None:
        """Waits until so many packets more have come."""
        enough = len(self.packets) + more
        await until(lambda: len(self.packets) >= enough, within_s)

    def misses(self, since: int = 0) -> list[int]:
        """The sequence numbers between those that have come from that packet on and have not come."""
        numbers = [packet.sequence_number for packet in self.packets[since:]]
        return sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))

    async def last_layer(self) -> int:
        """The layer that the next packet is of."""
        await self.sees(1)
        return self.packets[-1].payload[-1]


@dataclass
class Host:
    """One node: what it knows of the room, and its shards."""

    directory: MemoryDirectory
    facts: RoomFacts = field(default_factory=RoomFacts)
    shards: dict[str, Shard] = field(default_factory=dict)
    wire: Wire | None = None

    def enter(self) -> None:
        self.entry = self.directory.enter("room", self)

    def changed(self, node: str, fact_key: str, fact: RoomFact | None) -> None:
        if fact is not None and node == self.directory.node and self.wire is not None:
            self.wire.show(fact)
        self.facts.change(node, fact_key, fact)
        for shard in self.shards.values():
            shard.look()

    def said(self, node: str, message: Message) -> None:
        """Nothing is said in these tests."""

    def worker_died(self, shard: Shard) -> None:
        """Takes back what was said of it, as a room does."""
        del self.shards[shard.id]
        self.entry.drop(f"shard/{shard.id}")
        for key, fact in list(self.facts.of_node(self.directory.node).items()):
            if isinstance(fact, ParticipantFact | ProducerFact | DataProducerFact) and fact.shard == shard.id:
                self.entry.drop(key)


class Liar:
    """Says other facts than are true."""

    def __init__(self, facts: Facts, lie: Callable[[RoomFact], RoomFact]) -> None:
        self._facts = facts
        self._lie = lie

    def put(self, fact: RoomFact) -> None:
        self._facts.put(self._lie(fact))

    def drop(self, key: str) -> None:
        self._facts.drop(key)


class Shown(NamedTuple):
    """What arrives at one shard, and is watched at another one.

    Attributes:
        here: Where it arrives.
        there: Where it is watched.
        camera: Who sends it.
        producer: It.
        copy: It, in the other shard.
        screen: Who watches it.
    """

    here: Shard
    there: Shard
    camera: Camera
    producer: Producer
    copy: Producer
    screen: Screen


class World:
    """Hosts that share a directory.

    Attributes:
        ends: The ends of pipes that each shard has made, in this order.
        died: The shards whose worker has died.
    """

    def __init__(self, wire: Wire | None = None) -> None:
        self.wire = wire
        self.ends: dict[str, list[PipeTransport]] = {}
        self.died: list[str] = []
        self.store = MemoryStore()
        self.hosts: dict[str, Host] = {}
        self.workers: dict[str, Worker] = {}
        self._open: list[Camera | Peer] = []

    async def shard(
        self,
        name: str,
        host_name: str = "one",
        *,
        lie: Callable[[RoomFact], RoomFact] | None = None,
        worker_bin: Path | None = None,
        **settings: Any,
    ) -> Shard:
        """A shard in a worker of its own, of a host that is made when there is none of that name."""
        host = self.hosts.get(host_name)
        if host is None:
            directory = MemoryDirectory(f"{host_name}-00000000", self.store)
            await directory.start()
            host = self.hosts[host_name] = Host(directory, wire=self.wire)
            host.enter()
        shard_id = f"{host.directory.node}:{name}"
        worker = self.workers[name] = await create_worker(log_level="warn", worker_bin=worker_bin)
        router = await worker.create_router(media_codecs=MEDIA_CODECS)
        ends = self.ends[name] = []
        router.observer.on("newtransport", lambda new: ends.append(new) if isinstance(new, PipeTransport) else None)
        if self.wire is not None:
            settings["near"] = settings["far"] = PipeAddress("127.0.0.1", f"127.0.1.{len(self.workers)}")
        shard = Shard(
            shard_id,
            router,
            host.facts,
            host.entry if lie is None else Liar(host.entry, lie),
            settings=SETTINGS._replace(**settings),
            on_closed=lambda: self._worker_died(host, shard),
        )
        host.shards[shard_id] = shard
        host.entry.put(ShardFact(shard=shard_id))
        return shard

    def _worker_died(self, host: Host, shard: Shard) -> None:
        self.died.append(shard.id.partition(":")[2])
        host.worker_died(shard)

    def host_of(self, shard: Shard) -> Host:
        return next(host for host in self.hosts.values() if shard.id in host.shards)

    def enters(self, shard: Shard, participant: str) -> None:
        """Somebody comes."""
        self.host_of(shard).entry.put(ParticipantFact(participant=participant, shard=shard.id, stamp=1, info={}))

    async def films(self, shard: Shard, participant: str = "p", layers: int = 1) -> tuple[Camera, Producer]:
        """Somebody comes with a camera."""
        self.enters(shard, participant)
        camera = Camera(layers)
        self._open.append(camera)
        transport = await shard.router.create_plain_transport(listen_ip="127.0.0.1", comedia=True)
        producer = await camera.start(transport)
        self.says(shard, producer, participant)
        return camera, producer

    def says(self, shard: Shard, producer: Producer, participant: str = "p") -> None:
        """Says that the producer is there, as long as it is."""
        self._says(
            shard,
            producer,
            ProducerFact(
                producer=producer.id,
                participant=participant,
                shard=shard.id,
                kind=producer.kind,
                type=producer.type,
                rtp=producer.consumable_rtp_parameters,
                app_data={"of": participant},
            ),
        )

    def says_data(self, shard: Shard, producer: DataProducer, participant: str = "p") -> None:
        """Says that the data producer is there, as long as it is."""
        self._says(
            shard,
            producer,
            DataProducerFact(
                data_producer=producer.id,
                participant=participant,
                shard=shard.id,
                label=producer.label,
                protocol=producer.protocol,
                app_data={"of": participant},
            ),
        )

    def _says(self, shard: Shard, producer: Producer | DataProducer, fact: Source) -> None:
        entry = self.host_of(shard).entry
        entry.put(fact)
        producer.observer.on("close", lambda: entry.drop(fact.key))

    async def watches(self, shard: Shard, producer: Producer) -> Screen:
        """Somebody watches."""
        screen = Screen()
        self._open.append(screen)
        await screen.watch(shard.router, producer)
        return screen

    async def fetches(self, shard: Shard, producer: Producer) -> Producer:
        """A shard has what arrives at another one, once it has heard of it."""
        await until(lambda: self.host_of(shard).facts.source(producer.id))
        return (await shard.fetch(producer.id)).producer

    async def shows(self, hosts: tuple[str, str] = ("one", "one"), *, layers: int = 1) -> Shown:
        """Somebody films at shard s, and is seen at shard t, of these hosts."""
        here, there = await self.shard("s", hosts[0]), await self.shard("t", hosts[1])
        camera, producer = await self.films(here, layers=layers)
        copy = await self.fetches(there, producer)
        screen = await self.watches(there, copy)
        await screen.sees()
        return Shown(here, there, camera, producer, copy, screen)

    async def close(self) -> None:
        for one in self._open:
            one.close()
        for host in self.hosts.values():
            for shard in host.shards.values():
                shard.close()
                await shard.wait_closed()
            said = host.facts.of_node(host.directory.node)
            assert {key.partition("/")[0] for key in said} <= {"shard", "participant", "producer", "data_producer"}
            await host.directory.close()
        for worker in self.workers.values():
            worker.close()
            await worker.wait_closed()
        if self.wire is not None:
            self.wire.close()


def ends_of(world: World, shard: str) -> list[PipeEndFact]:
    """What a shard, of that id or name, says of its ends."""
    name = shard.rpartition(":")[2]
    said = [fact for host in world.hosts.values() for fact in host.facts.of_node(host.directory.node).values()]
    return [fact for fact in said if isinstance(fact, PipeEndFact) and fact.shard.endswith(f":{name}")]
