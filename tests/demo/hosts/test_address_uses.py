"""What one address may have counts over all servers of a cluster; which address it is stays with each of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from miso.cluster.facts import AddressUse, NodeFact, decode_node, encode
from miso.demo.hosts.address_uses import MOST, AddressUses
from miso.demo.limits.per_address import AddressLimits
from miso.demo.metrics import Metrics
from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from miso.protoo import RequestError
from tests.cluster.directory.recorder import until
from tests.cluster.directory.redis.redis_server import RedisServer
from tests.demo.client import RoomClient
from tests.demo.hosts.conftest import started
from tests.demo.limits.test_per_address import come

ANN = "192.0.2.7"


class Cluster:
    """What one host knows of the others."""

    def __init__(self) -> None:
        self.node = "a-00000000"
        self.nodes: dict[str, NodeFact] = {self.node: NodeFact(node=self.node, name="a", ip="10.0.0.1")}
        self.is_away = False

    def hears(self, name: str, uses: list[AddressUse], *, draining: bool = False) -> None:
        node = f"{name}-00000000"
        fact = NodeFact(node=node, name=name, ip="10.0.0.2", addresses=uses, draining=draining)
        self.nodes[node] = decode_node(encode(fact))


def host(cluster: Cluster, key: bytes = b"k", **settings: int) -> tuple[AddressLimits, AddressUses]:
    uses = AddressUses(cluster, key)
    given = Settings(**settings)  # type: ignore[arg-type]
    return AddressLimits(given, Metrics(), lambda: 1.0, uses.elsewhere), uses


def take(limits: AddressLimits, count: int, address: str = ANN) -> list[Callable[[], None]]:
    return [limits.take("connections", address) for _ in range(count)]


def test_what_an_address_has_elsewhere_counts_here() -> None:
    cluster, other = Cluster(), host(Cluster(), max_connections_per_address=64)
    limits, _ = host(cluster, max_connections_per_address=64)
    held = take(other[0], 60)
    cluster.hears("b", other[1].own(other[0]))
    take(limits, 4)
    with pytest.raises(RequestError, match="too many connections from this address: 64 are allowed"):
        take(limits, 1)
    take(limits, 1, "192.0.2.8")
    held[0]()
    cluster.hears("b", other[1].own(other[0]))
    take(limits, 1)


def test_rooms_count_like_peers() -> None:
    cluster, other = Cluster(), host(Cluster(), max_rooms_per_address=2)
    limits, _ = host(cluster, max_rooms_per_address=2)
    other[0].take("rooms", ANN)
    cluster.hears("b", other[1].own(other[0]))
    limits.take("rooms", ANN)
    with pytest.raises(RequestError, match="too many rooms"):
        limits.take("rooms", ANN)
    limits.take("transports", ANN)


def test_who_drains_and_what_was_heard_before_the_store_went_does_not_count() -> None:
    cluster, other = Cluster(), host(Cluster(), max_connections_per_address=4)
    limits, _ = host(cluster, max_connections_per_address=4)
    take(other[0], 4)
    cluster.hears("b", other[1].own(other[0]), draining=True)
    take(limits, 1)
    cluster.hears("b", other[1].own(other[0]))
    with pytest.raises(RequestError):
        take(limits, 1)
    cluster.is_away = True
    take(limits, 3)
    with pytest.raises(RequestError):
        take(limits, 1)


def test_only_who_has_much_is_told_and_the_most_of_them_only() -> None:
    limits, uses = host(Cluster(), max_connections_per_address=64, connections_per_minute=0)
    take(limits, 1, "198.51.100.1")
    assert uses.own(limits) == []
    for number in range(MOST + 10):
        take(limits, 3 if number == 5 else 2, f"10.1.{number // 250}.{number % 250}")
    told = uses.own(limits)
    assert (len(told), told[0].peers, told[1].peers) == (MOST, 3, 2)
    encode(NodeFact(node="a-00000000", name="a", ip="10.0.0.1", addresses=told))


def test_without_the_key_nobody_knows_which_address_it_is() -> None:
    limits, uses = host(Cluster(), key=b"one", max_connections_per_address=4)
    take(limits, 1)
    [one] = uses.own(limits)
    assert ANN not in one.address
    _, same = host(Cluster(), key=b"one")
    [again] = same.own(limits)
    _, stranger = host(Cluster(), key=b"other")
    [other] = stranger.own(limits)
    assert one == again
    assert other.address != one.address


def test_addresses_that_each_host_has_of_its_own_are_not_told() -> None:
    limits, uses = host(Cluster(), max_connections_per_address=4)
    for address in ("127.0.0.1", "this server", "unknown"):
        take(limits, 2, address)
    assert uses.own(limits) == []


async def test_two_servers_let_in_as_many_of_one_address_as_one_would(tmp_path: Path, redis: RedisServer) -> None:
    settings = {"max_connections_per_address": 2, "trusted_proxies": ["127.0.0.1"]}
    servers = [await started(tmp_path, redis, name, **settings) for name in "ab"]
    await until(lambda: all(len(server.directory.nodes) == 2 for server in servers))

    async def comes(server: DemoServer, room: str, peer: str) -> RoomClient:
        return await come(server, room, peer, forwarded_for=ANN)

    def knows(server: DemoServer, peers: int) -> bool:
        others = [fact for node, fact in server.directory.nodes.items() if node != server.directory.node]
        return sum(use.peers for fact in others for use in fact.addresses) == peers

    ann = await comes(servers[0], "r", "ann")
    bob = await comes(servers[1], "s", "bob")
    await until(lambda: all(knows(server, 1) for server in servers))
    for server in servers:
        with pytest.raises(InvalidStatus) as caught:
            await comes(server, "r", "cid")
        assert caught.value.response.status_code == 429
    for key in ("facts", "uses"):
        values = await redis.run("HVALS", f"miso:1:{{nodes}}:{key}")
        assert isinstance(values, list)
        assert values
        assert all(ANN.encode() not in value for value in values)
    redis.freeze()
    await until(lambda: servers[0].directory.is_away)
    cid = await comes(servers[0], "r", "cid")
    redis.thaw()
    await ann.close()
    await bob.close()
    await until(lambda: not servers[1].directory.is_away and knows(servers[1], 1))
    dan = await comes(servers[1], "r", "dan")
    for client in (cid, dan):
        await client.close()
    for server in servers:
        await server.close()
