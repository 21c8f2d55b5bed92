"""A cluster for tests: several servers and their Redis, each a process of its own, and whether what they say agrees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx

from miso.cluster.directory.redis import keys
from miso.cluster.facts import ParticipantFact, ProducerFact, RoomFact, ShardFact, decode_fact
from tests.browser.cameras import SMALL, Camera
from tests.browser.people import ARRIVAL_TIMEOUT, Crowd, Person, eventually
from tests.browser.server import DemoServer
from tests.cluster.directory.redis.redis_server import RedisServer

AGREE_TIMEOUT = 60.0


class Cluster:
    """Servers with one worker each, and a loopback address of its own for pipes.

    Attributes:
        redis: Where they meet.
        servers: By their number.

    Args:
        hosts: How many servers.
        arguments: More flags of the ``controller`` command, for each of them.
    """

    def __init__(self, hosts: int = 3, arguments: tuple[str, ...] = ()) -> None:
        self.redis = RedisServer()
        self.servers = [DemoServer(workers=1, arguments=arguments) for _ in range(hosts)]
        for number, server in enumerate(self.servers, 2):
            server.flags += (
                *("--redis", self.redis.url, "--node-name", f"host-{number}", "--cluster-address", f"127.0.0.{number}"),
                *("--public-url", server.url, "--drain-timeout", "1"),
            )

    async def start(self) -> None:
        """Starts all, and returns when each knows the others."""
        await self.redis.start()
        await asyncio.gather(*(server.start() for server in self.servers))
        await self.know_each_other()

    async def know_each_other(self) -> None:
        """Returns when all servers run, and each knows the others."""

        async def known() -> bool:
            views = await self.views()
            return len(views) == len(self.servers) and all(len(view["nodes"]) == len(views) for view in views)

        await eventually(known, ARRIVAL_TIMEOUT, self.logs)

    async def close(self) -> None:
        """Ends all."""
        await asyncio.gather(*(server.stop() for server in self.servers if server.is_started))
        await self.redis.close()

    def kill(self, number: int) -> None:
        """A server and its workers are gone from one moment to the next."""
        server = self.servers[number]
        for pid in (*server.worker_pids, server.pid):
            os.kill(pid, signal.SIGKILL)

    async def come(
        self,
        crowd: Crowd,
        number: int,
        name: str,
        room: str = "one",
        camera: Camera = SMALL,
        /,
        *,
        script: str = "",
        **query: str,
    ) -> Person:
        """Somebody comes to the room by a server's page, which keeps to the policy that the server sends with it."""
        fields = urlencode({"roomId": room, "displayName": name, **query})
        return await crowd.open(f"{self.servers[number].url}?{fields}", name, camera=camera, script=script, policy=True)

    async def logs(self) -> str:
        """What all servers have written."""
        return "\n".join(server.log for server in self.servers)

    async def views(self) -> list[dict[str, Any]]:
        """``/api/cluster`` of each server that answers."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            asked = (http.get(f"http://127.0.0.1:{server.port}/api/cluster") for server in self.servers)
            answers = await asyncio.gather(*asked, return_exceptions=True)
        return [answer.json()["data"] for answer in answers if isinstance(answer, httpx.Response)]

    async def nodes_in_redis(self) -> set[str]:
        """Who has said in Redis that it lives."""
        found = await self.redis.run("HKEYS", keys.NODE_FACTS)
        assert isinstance(found, list)
        return {node.decode() for node in found}

    async def facts_in_redis(self, room: str, node: str) -> list[RoomFact]:
        """What Redis holds of a node in a room."""
        found = await self.redis.run("HGETALL", keys.facts(keys.room_hash(room), node))
        assert isinstance(found, dict)
        return [decode_fact(value) for key, value in found.items() if not key.startswith(b"#")]

    async def size_in_redis(self, room: str) -> tuple[int, int]:
        """How many parts and participants of a room Redis knows."""
        facts = [fact for node in await self.nodes_in_redis() for fact in await self.facts_in_redis(room, node)]
        kinds = Counter(type(fact) for fact in facts)
        return kinds[ShardFact], kinds[ParticipantFact]

    async def disagreements(self, room: str, people: Sequence[Person]) -> list[str]:
        """What is not as it should be in Redis, and in what each server knows; nothing: the directory is right.

        Right is: all servers and Redis know the same nodes, and of the room the same parts with as many participants.
        In Redis each of these people stands once, and each stream that a page sends, and nobody and nothing else.
        """
        wrong: list[str] = []
        views = await self.views()
        nodes = await self.nodes_in_redis()
        facts = {node: await self.facts_in_redis(room, node) for node in nodes}
        everything = [fact for of_node in facts.values() for fact in of_node]
        held = Counter(fact.shard for fact in everything if isinstance(fact, ParticipantFact))
        parts = {
            (fact.shard, node, held[fact.shard])
            for node, of_node in facts.items()
            for fact in of_node
            if isinstance(fact, ShardFact)
        }
        for view in views:
            known = {node["node"] for node in view["nodes"]}
            if view["storeAway"] or known != nodes:
                wrong.append(f"{view['node']} knows {sorted(known)}, Redis {sorted(nodes)}; away={view['storeAway']}")
            for seen in view["rooms"]:
                told = {(part["shard"], part["node"], part["participants"]) for part in seen["shards"]}
                if seen["name"] == room and told != parts:
                    wrong.append(f"{view['node']} has {sorted(told)}, Redis {sorted(parts)}")
        here = sorted([await person.peer_id() for person in people])
        written = sorted(fact.participant for fact in everything if isinstance(fact, ParticipantFact))
        if here != written:
            wrong.append(f"there are {here}, in Redis {written}")
        sent = sorted(
            [report["id"] for person in people for report in await person.stats() if report["direction"] == "send"]
        )
        producers = sorted(fact.producer for fact in everything if isinstance(fact, ProducerFact))
        if sent != producers:
            wrong.append(f"pages send {sent}, in Redis are {producers}")
        return wrong

    async def expect_agreement(self, room: str, people: Sequence[Person]) -> None:
        """Asserts that the directory is, or soon becomes, right about a room and its people."""
        wrong: list[str] = []

        async def agree() -> bool:
            wrong[:] = await self.disagreements(room, people)
            return not wrong

        async def describe() -> str:
            return "\n".join([*wrong, await self.logs()])

        await eventually(agree, AGREE_TIMEOUT, describe)


@contextlib.asynccontextmanager
async def running(cluster: Cluster) -> AsyncIterator[Cluster]:
    """Starts a cluster and ends it."""
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.close()
