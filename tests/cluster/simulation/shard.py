"""A shard that has no router: it carries out its plan as a real one would, with delays and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from functools import partial
from typing import Protocol

from miso.cluster.facts import PipedFact, PipeEndFact, ShardFact, Source, WantFact
from miso.cluster.pipe_plan import (
    CloseEnd,
    Connect,
    Copy,
    Held,
    HeldEnd,
    MakeEnd,
    Pipe,
    PipeName,
    RemakeEnd,
    Step,
    Uncopy,
    Unpipe,
    other_of,
    plan,
)
from miso.cluster.room_facts import RoomFacts
from tests.cluster.said import RTP, SCTP
from tests.cluster.simulation.directory import Process, SimEntry
from tests.cluster.simulation.scheduler import Scheduler
from tests.cluster.simulation.weather import Weather

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 5.0
SHORTEST_REMAKE_S = 1.0
LINGER_S = 5.0
_LOOK_S = 0.05


class Planner(Protocol):
    """``plan``, or one with a fault."""

    def __call__(self, facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]: ...


class Counts(Protocol):
    """What a run counts."""

    steps: int
    failed_steps: int
    remakes: int


class SimShard:
    """One shard.

    Attributes:
        id: Its id; ``shard``, too.
        worker: In which worker of its host.
        ends: Its ends of pipes.
        piped: Other shard and source → the end's token over which it is sent.
        copies: Source → what its copy was made from, as its origin had said it.
        copied_over: Source → the token of the end that its copy comes over.
        wants: What it wants of others → until when, since nobody uses it any more; None: somebody uses it.
        steps: How many steps it has done.
    """

    def __init__(
        self,
        shard: str,
        worker: int,
        facts: RoomFacts,
        entry: SimEntry,
        process: Process,
        scheduler: Scheduler,
        weather: Weather,
        counts: Counts,
        planner: Planner = plan,
    ) -> None:
        self.id = self.shard = shard
        self.worker = worker
        self.ends: dict[PipeName, HeldEnd] = {}
        self.piped: dict[tuple[str, str], str] = {}
        self.copies: dict[str, PipedFact] = {}
        self.copied_over: dict[str, str] = {}
        self.wants: dict[str, float | None] = {}
        self._piped_to: dict[str, dict[tuple[str, str], str]] = {}
        self._copies_of: dict[str, dict[str, PipedFact]] = {}
        """Both by the other shard: a plan that looks towards few others needs only what is between it and them."""
        self.steps = 0
        self.remakes: Counter[PipeName] = Counter()
        self.is_closed = False
        self._facts = facts
        self._entry = entry
        self._process = process
        self._scheduler = scheduler
        self._weather = weather
        self._counts = counts
        self._planner = planner
        self._reconnects = scheduler.random.random() < 0.7
        """Whether its worker can give an end another other end; else it goes, with the copies that come over it."""
        self._used: Mapping[str, str] = {}
        self._wanted_of: dict[str, str] = {}
        self._to_look_at: set[str] = set()
        self._looks_at_all = False
        self._is_set = False
        self._is_busy = False
        self._under_way = 0
        self._has_failed = False
        self._failures = 0
        self._remade: dict[PipeName, tuple[float, float]] = {}
        """When each pipe was remade last, and how long it then waits."""
        entry.put(ShardFact(shard=shard))

    def held(self, others: Set[str] | None = None) -> Held:
        """What it has towards some others, for the plan; None: towards all."""
        if others is None:
            return Held(self.ends, self.piped, self.copies)
        ends: dict[PipeName, HeldEnd] = {}
        piped: dict[tuple[str, str], str] = {}
        copies: dict[str, PipedFact] = {}
        for other in others:
            for pipe in (PipeName(other, False), PipeName(other, True)):
                if pipe in self.ends:
                    ends[pipe] = self.ends[pipe]
            piped |= self._piped_to.get(other, {})
            copies |= self._copies_of.get(other, {})
        return Held(ends, piped, copies)

    def use(self, sources: Mapping[str, str]) -> None:
        """Its people use these sources, which arrive at those other shards, from now on.

        What they leave is wanted a moment longer.
        """
        before, self._used = self._used, sources
        for source in sorted(sources.keys() - before.keys()):
            other = sources[source]
            if source not in self.wants:
                self._wanted_of[source] = other
                self._entry.put(WantFact(shard=self.shard, other=other, source=source))
            self.wants[source] = None
        left = before.keys() - sources.keys()
        for source in sorted(left):
            self.wants[source] = self._scheduler.now_s + LINGER_S
        if left:
            self._process.after(LINGER_S * 1.02, self._stop_wanting)

    def _stop_wanting(self) -> None:
        now_s = self._scheduler.now_s
        for source, until_s in list(self.wants.items()):
            if until_s is not None and until_s <= now_s and not self.is_closed:
                del self.wants[source]
                self._entry.drop(f"want/{self.shard}/{self._wanted_of.pop(source)}/{source}")

    def look(self, others: Iterable[str] | None = None) -> None:
        """Something may be to be done, towards these other shards; None: any."""
        if others is None:
            self._looks_at_all = True
        else:
            self._to_look_at.update(others)
        self._look_after(_LOOK_S)

    def _look_after(self, delay_s: float) -> None:
        if not self._is_set and not self._is_busy and not self.is_closed:
            self._is_set = True
            self._process.after(delay_s, self._look)

    def _look(self) -> None:
        self._is_set = False
        if self.is_closed or self._is_busy:
            return
        others = None if self._looks_at_all else self._to_look_at
        held = self.held(others)
        planned = self._planner(self._facts, self.shard, held, others)
        self._looks_at_all = False
        self._to_look_at = {other_of(step, held) for step in planned}
        steps = [step for step in planned if self._may(step)]
        if steps:
            self._is_busy = True
            random, longest_s = self._scheduler.random, self._weather.step_s
            at_once = [steps] if random.random() < 0.8 else [[step] for step in steps]
            self._under_way = len(at_once)
            for some in at_once:
                self._process.after(random.random() * longest_s, partial(self._do, some))

    def _may(self, step: Step) -> bool:
        """Whether a step may be done now: a pipe is remade once a second, and less often when it goes on."""
        if not isinstance(step, RemakeEnd):
            return True
        last_s, wait_s = self._remade.get(step.pipe, (-100.0, SHORTEST_REMAKE_S))
        since_s = self._scheduler.now_s - last_s
        if since_s < wait_s:
            self._process.after(wait_s - since_s, lambda: self.look(()))
            return False
        longer_s = min(LONGEST_RETRY_S, 2 * wait_s) if since_s < 4 * wait_s else SHORTEST_REMAKE_S
        self._remade[step.pipe] = self._scheduler.now_s, longer_s
        return True

    def _do(self, steps: list[Step]) -> None:
        if self.is_closed:
            return
        random = self._scheduler.random
        for step in steps:
            if random.random() < self._weather.step_fails:
                self._has_failed = True
                self._counts.failed_steps += 1
            else:
                self.steps += 1
                self._counts.steps += 1
                self.do(step)
        self._under_way -= 1
        if self._under_way:
            return
        self._is_busy = False
        has_failed, self._has_failed = self._has_failed, False
        self._failures = self._failures + 1 if has_failed else 0
        self._look_after(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**self._failures / 2) if has_failed else _LOOK_S)

    def do(self, step: Step) -> None:
        """Does a step, and says what is true then."""
        match step:
            case MakeEnd(pipe):
                self._set_end(pipe, HeldEnd(self._token(), ""))
            case RemakeEnd(pipe):
                self.remakes[pipe] += 1
                self._counts.remakes += 1
                if not self._reconnects:
                    self._break(pipe)
                self._set_end(pipe, HeldEnd(self._token(), ""))
            case Connect(pipe, to):
                self._set_end(pipe, HeldEnd(self.ends[pipe].token, to.token))
            case CloseEnd(pipe):
                self._break(pipe)
                del self.ends[pipe]
                self._remade.pop(pipe, None)
                self._entry.drop(_end_key(self.shard, pipe))
            case Pipe(pipe, source):
                token = self.piped[pipe.other, source.id] = self.ends[pipe].token
                self._piped_to.setdefault(pipe.other, {})[pipe.other, source.id] = token
                self._say_piped(pipe.other, source)
            case Unpipe(other, source):
                self._unpipe(other, source)  # its end may have closed a moment ago
                self._entry.drop(_piped_key(self.shard, other, source))
            case Copy(source, piped):
                pipe = PipeName(piped.shard, piped.sctp is not None)
                self._uncopy(source.id)
                self.copies[source.id] = piped
                self._copies_of.setdefault(piped.shard, {})[source.id] = piped
                self.copied_over[source.id] = self.ends[pipe].token
            case Uncopy(source):
                self._uncopy(source)

    def source_changed(self, source: Source) -> None:
        """One that arrives here was paused or resumed: what is said of its pipes changes with it."""
        for other, piped in list(self.piped):
            if piped == source.id:
                self._say_piped(other, source)

    def break_an_end(self) -> bool:
        """Something is wrong with one of its pipes; it is made anew."""
        if not self.ends or self._is_busy:
            return False
        self.do(RemakeEnd(self._scheduler.random.choice(list(self.ends))))
        return True

    def close(self) -> None:
        """The shard ends, and takes back what it said."""
        self.is_closed = True
        for source, other in self._wanted_of.items():
            self._entry.drop(f"want/{self.shard}/{other}/{source}")
        self._entry.drop(ShardFact(shard=self.shard).key)
        for pipe in self.ends:
            self._entry.drop(_end_key(self.shard, pipe))
        for other, source in self.piped:
            self._entry.drop(_piped_key(self.shard, other, source))

    def _break(self, pipe: PipeName) -> None:
        """What comes over an end goes with it, and what it sends."""
        token = self.ends[pipe].token
        for source in [source for source, over in self.copied_over.items() if over == token]:
            self._uncopy(source)
        for other, source in [key for key, over in self.piped.items() if over == token]:
            self._unpipe(other, source)
            self._entry.drop(_piped_key(self.shard, other, source))

    def _unpipe(self, other: str, source: str) -> None:
        if self.piped.pop((other, source), None) is not None:
            del self._piped_to[other][other, source]

    def _uncopy(self, source: str) -> None:
        copy = self.copies.pop(source, None)
        if copy is not None:
            del self._copies_of[copy.shard][source]
            del self.copied_over[source]

    def _set_end(self, pipe: PipeName, end: HeldEnd) -> None:
        self.ends[pipe] = end
        self._entry.put(
            PipeEndFact(
                shard=self.shard,
                other=pipe.other,
                data=pipe.data,
                token=end.token,
                remote=end.remote,
                ip="10.0.0.1",
                port=9,
            )
        )

    def _say_piped(self, other: str, source: Source) -> None:
        located = self._facts.source(source.id)
        if located is not None:  # it may have been paused since the step was planned
            source = located.fact
        is_data = not hasattr(source, "producer")
        self._entry.put(
            PipedFact(
                shard=self.shard,
                other=other,
                source=source.id,
                token=self.piped[other, source.id],
                rtp=None if is_data else RTP,
                sctp=SCTP if is_data else None,
                paused=getattr(source, "paused", False),
            )
        )

    def _token(self) -> str:
        return f"{self._scheduler.random.getrandbits(64):x}"


def _end_key(shard: str, pipe: PipeName) -> str:
    return f"pipe/{shard}/{pipe.other}/{'data' if pipe.data else 'media'}"


def _piped_key(shard: str, other: str, source: str) -> str:
    return f"piped/{shard}/{other}/{source}"
