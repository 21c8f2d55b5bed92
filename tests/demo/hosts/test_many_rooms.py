"""A few rooms over three servers: nothing of them is left in Redis, in the servers or in their workers."""

from __future__ import annotations

from dataclasses import replace

from tests.demo.hosts.many_rooms import Look, judge, main
from tests.demo.hosts.server_process import Held
from tests.soak.processes import Holding


def test_of_rooms_over_three_servers_nothing_is_left() -> None:
    assert main(["--rooms", "16", "--warm-up", "6", "--at-once", "4"]) == 0


def test_what_is_left_is_found() -> None:
    held = Held(rooms=0, nodes=3, tasks=13, objects=600, routers=0, transports=0, routed=9, piped=9, worker_pids=[1, 2])
    nodes = ["miso:1:inbox:{a-1}", "miso:1:{nodes}:seen"]
    clean = Look(nodes, [held] * 3, {"a controller": Holding(31, 70_000_000)})
    assert judge(clean, clean, clean, 100) == []
    room = "miso:1:room:{5}:members"
    for kept, told in [
        (replace(clean, keys=[*nodes, room]), [room, "DBSIZE 3, 2 before"]),
        (replace(clean, held=[held, replace(held, routers=1), held]), ["b: 0 rooms, 1 routers, 0 transports"]),
        (replace(clean, held=[held, held, replace(held, tasks=14)]), ["c: 14 tasks, 13 before"]),
        (replace(clean, held=[replace(held, objects=1101), held, held]), ["a: 1101 objects, 600 before"]),
        (replace(clean, processes={"a controller": Holding(34, 70_000_000)}), ["34 descriptors, 31 before"]),
        (replace(clean, processes={"a controller": Holding(31, 79_000_000)}), ["79000000 bytes"]),
    ]:
        for one, problem in zip(told, judge(clean, clean, kept, 100), strict=True):
            assert one in problem
