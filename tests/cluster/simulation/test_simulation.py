"""A few seeds of the simulation in small worlds; and that it sees what is wrong when something is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from miso.cluster.pipe_plan import CloseEnd, Copy, Held, RemakeEnd, Step, Unpipe, plan
from miso.cluster.room_facts import RoomFacts
from tests.cluster.simulation.faults import by_chance
from tests.cluster.simulation.invariants import broken
from tests.cluster.simulation.run import run
from tests.cluster.simulation.scheduler import Scheduler
from tests.cluster.simulation.shard import Planner
from tests.cluster.simulation.weather import Weather
from tests.cluster.simulation.world import Size, World

ROOT = Path(__file__).resolve().parents[3]
SMALL = Size(hosts=4, participants=24)
LARGER = Size(hosts=12, participants=120)
FINE = Weather()


@pytest.mark.parametrize("seed", [*range(1, 21), 52])  # 52: an answer is lost by a cut
def test_whatever_happens_all_is_as_it_should_be_afterwards(seed: int) -> None:
    outcome = run(seed, SMALL)
    assert outcome.wrong == [], (
        f"python -m tests.cluster.simulation --from {seed} --seeds 1 --hosts 4 --participants 24"
    )
    assert outcome.counts.joins >= SMALL.participants


@pytest.mark.parametrize("seed", range(1, 5))
def test_in_a_larger_world_too(seed: int) -> None:
    outcome = run(seed, LARGER)
    assert outcome.wrong == []
    assert sum(outcome.counts.faults.values()) > 3


def test_without_faults_nobody_is_sent_away_and_no_pipe_is_made_anew() -> None:
    world = World(7, LARGER, FINE)
    world.run(lambda _: None)
    assert broken(world) == []
    counts = world.counts
    assert counts.joins == LARGER.participants
    assert (counts.displaced, counts.displaced_live, counts.retries, counts.remakes) == (0, 0, 0, 0)


def test_nobody_is_dropped_while_the_store_is_away_nor_when_it_comes_back_empty() -> None:
    world = World(3, LARGER, FINE)

    def trouble(world: World) -> None:
        world.scheduler.after(1.0, world.store.lose_everything)
        world.scheduler.after(1.0, lambda: setattr(world.store, "is_away", True))
        world.scheduler.after(30.0, lambda: setattr(world.store, "is_away", False))

    world.run(trouble)
    assert broken(world) == []
    counts = world.counts
    assert counts.joins == LARGER.participants
    assert (counts.displaced, counts.displaced_live, counts.remakes) == (0, 0, 0)


def test_a_host_that_dies_is_noticed_within_five_seconds_and_its_people_come_again() -> None:
    world = World(5, LARGER, FINE)
    dead: list[str] = []

    def trouble(world: World) -> None:
        host = max(world.hosts, key=lambda host: sum(len(room.seats) for room in host.rooms.values()))
        dead.append(host.node)
        host.die()
        world.scheduler.after(5.0, lambda: noticed.extend(known(world, host.node)))

    noticed: list[str] = []
    world.run(trouble)
    assert noticed == []
    assert broken(world) == []
    assert world.counts.joins > LARGER.participants


def known(world: World, node: str) -> list[str]:
    """Who still knows something that a node has said."""
    return [
        f"{host.node} in {name}"
        for host in world.hosts
        for name, room in host.rooms.items()
        if node in room.room.facts.nodes
    ]


def test_who_goes_elsewhere_while_its_host_is_cut_off_is_not_sent_away_when_the_network_heals() -> None:
    """The host that was cut off has said that it was there, too, and nobody else knew."""
    world = World(9, LARGER, FINE)
    moved: list[str] = []

    def trouble(world: World) -> None:
        cut = sorted(world.hosts, key=lambda host: host.node)[-4:]  # of equal claims theirs would win
        for host in cut:
            host.directory.is_cut = True
            for seat in [seat for room in host.rooms.values() for seat in room.seats.values()]:
                moved.append(seat.client.id)
                person = next(person for person in world.people if person.id == seat.client.id)
                world.scheduler.after(10.0, person.vanish)

        def heal() -> None:
            for host in cut:
                host.directory.is_cut = False

        world.scheduler.after(13.0, heal)

    world.run(trouble)
    assert broken(world) == []
    assert len(moved) > 10
    assert world.counts.displaced > 3, "what the hosts that were cut off still had"
    assert world.counts.displaced_live == 0


def test_people_who_hop_each_second_are_on_one_shard_in_the_end() -> None:
    world = World(11, SMALL)

    def trouble(world: World) -> None:
        for person in world.people:
            for second in range(20):
                world.scheduler.after(second + world.scheduler.random.random(), person.hop)

    world.run(trouble)
    assert broken(world) == []
    assert world.counts.joins > 10 * SMALL.participants


# ---------------------------------------------------------------- it sees what is wrong


def never_closes(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    return [step for step in plan(facts, shard, held, others) if not isinstance(step, CloseEnd)]


def never_remakes(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    return [step for step in plan(facts, shard, held, others) if not isinstance(step, RemakeEnd)]


def never_unpipes(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    return [step for step in plan(facts, shard, held, others) if not isinstance(step, Unpipe)]


def copies_once(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    return [
        step
        for step in plan(facts, shard, held, others)
        if not (isinstance(step, Copy) and step.source.id in held.copies)
    ]


def always_remakes(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    steps = plan(facts, shard, held, others)
    ending = {step.pipe for step in steps if isinstance(step, CloseEnd)}
    return [*steps, *(RemakeEnd(pipe) for pipe, end in held.ends.items() if end.remote and pipe not in ending)]


@pytest.mark.parametrize(
    ("planner", "says"),
    [
        (never_closes, "has the pipes"),
        (never_remakes, "does not arrive"),
        (never_unpipes, "pipes ["),
        (copies_once, "its copy is"),
        (always_remakes, "though all should be at rest"),
    ],
)
def test_a_plan_with_a_fault_is_found(planner: Planner, says: str) -> None:
    wrong = [line for seed in range(1, 7) for line in run(seed, SMALL, planner=planner).wrong]
    assert any(says in line for line in wrong), wrong


def test_a_fact_that_is_not_passed_on_is_found() -> None:
    world = World(2, SMALL, FINE)
    world.run(by_chance)
    name, nodes = next((name, nodes) for name, nodes in world.store.rooms.items() if nodes)
    node = next(iter(nodes))
    nodes[node].for_all.popitem()
    assert any(f"the store in {name}" in line for line in broken(world))


def test_what_is_to_be_done_at_the_same_time_keeps_its_order() -> None:
    scheduler, done = Scheduler(1), list[str]()
    scheduler.at(0.21, lambda: done.append("first"))
    scheduler.run_until(0.05)
    assert scheduler.now_s + (0.21 - scheduler.now_s) < 0.21  # as a delay it is rounded
    scheduler.at(0.21, lambda: done.append("second"))
    scheduler.run_until(0.21)
    assert done == ["first", "second"]


def test_a_seed_is_the_same_story_each_time() -> None:
    told = set()
    for hash_seed in ("0", "1"):
        result = subprocess.run(
            [sys.executable, "-c", _TELL],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(result.stdout)
    assert len(told) == 1


_TELL = """
from tests.cluster.simulation.run import run
from tests.cluster.simulation.world import Size
outcome = run(6, Size(hosts=5, participants=40))
print(outcome.counts, outcome.trace, outcome.weather)
"""


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "seeds"
    size = ["--hosts", "3", "--participants", "6"]
    simulate("--seeds", "2", "--out", str(out), *size)
    with out.open("ab") as file:
        file.write(out.read_bytes()[:40] + b"\n")  # it was stopped while it wrote
    said = simulate("--seeds", "3", "--out", str(out), *size)
    assert "1 of 1 seeds, 0 failed" in said
    assert "3 hosts, 6 participants: 3 seeds (1 to 3), 0 failed; CPU" in simulate("--summary", str(out))


def simulate(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.cluster.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
