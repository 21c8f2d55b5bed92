"""What a shard is to do next about its pipes: compares what is said of the room with what the shard has.

Two shards need a pipe as long as one of them wants something that arrives at the other. Each makes its own end and says
so; each connects its end to the other's unless that is connected to an older one. An end whose other end is not the one
that it was connected to is made anew. Over connected ends the one sends what the other wants and says with which
streams, and the other makes a copy of it. Nobody asks, nobody answers: each looks, does what is missing, and says what
is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple, TypeAlias

import msgspec

from miso.cluster.facts import DataProducerFact, PipedFact, PipeEndFact, Source
from miso.cluster.room_facts import RoomFacts


class PipeName(NamedTuple):
    """One of a shard's pipes.

    Attributes:
        other: The shard at its other end.
        data: Whether it is for data channels.
    """

    other: str
    data: bool


class HeldEnd(NamedTuple):
    """An end that the shard has.

    Attributes:
        token: Its name.
        remote: The name of the end that it is connected to; "": none.
    """

    token: str
    remote: str


class Held(NamedTuple):
    """What a shard has of pipes.

    Attributes:
        ends: Its ends.
        piped: Other shard and source → token of the end over which it is sent there.
        copies: Source → what its origin said when the copy was made, or last changed.
    """

    ends: Mapping[PipeName, HeldEnd]
    piped: Mapping[tuple[str, str], str]
    copies: Mapping[str, PipedFact]


class MakeEnd(NamedTuple):
    """There is to be an end."""

    pipe: PipeName


class RemakeEnd(NamedTuple):
    """The end is connected to one that is gone: it gets another token, and is connected anew."""

    pipe: PipeName


class Connect(NamedTuple):
    """The end is to be connected."""

    pipe: PipeName
    to: PipeEndFact


class CloseEnd(NamedTuple):
    """Nobody needs the pipe any more."""

    pipe: PipeName


class Pipe(NamedTuple):
    """A source is to be sent over the end that the pipe has now."""

    pipe: PipeName
    source: Source


class Unpipe(NamedTuple):
    """A source is not to be sent there any more."""

    other: str
    source: str


class Copy(NamedTuple):
    """What comes over the pipe is to be there as a source of that id; an older copy goes, or goes over to it."""

    source: Source
    piped: PipedFact


class Uncopy(NamedTuple):
    """The copy is to go."""

    source: str


Step: TypeAlias = MakeEnd | RemakeEnd | Connect | CloseEnd | Pipe | Unpipe | Copy | Uncopy


def plan(facts: RoomFacts, shard: str, held: Held, others: Iterable[str] | None = None) -> list[Step]:
    """What is to be done, as things are; nothing: all is as it should be, or waits for others.

    Each step can be done without the others. When it is done, and has been said, the next plan has it no more.

    Args:
        facts: What is said of the room.
        shard: Whose plan it is.
        held: What it has.
        others: The shards towards which something may be to be done; None: any.
    """
    towards = _all(facts, shard, held) if others is None else {*others} - {shard}
    outgoing: _Sources = defaultdict(dict)
    incoming: _Sources = defaultdict(dict)
    for other in towards:
        for located in facts.wanted(other, shard):
            outgoing[PipeName(other, _is_data(located.fact))][located.fact.id] = located.fact
        for located in facts.wanted(shard, other):
            incoming[PipeName(other, _is_data(located.fact))][located.fact.id] = located.fact
    steps: list[Step] = [*_ending(held, towards, outgoing, incoming)]
    for pipe in sorted({*outgoing, *incoming}):
        steps.extend(_of_pipe(facts, shard, held, pipe, outgoing.get(pipe, {}), incoming.get(pipe, {})))
    return steps


def _all(facts: RoomFacts, shard: str, held: Held) -> set[str]:
    return {
        *facts.partners(shard),
        *(pipe.other for pipe in held.ends),
        *(other for other, _ in held.piped),
        *(piped.shard for piped in held.copies.values()),
    }


_Sources: TypeAlias = dict[PipeName, dict[str, Source]]


def _ending(held: Held, others: Set[str], outgoing: _Sources, incoming: _Sources) -> Iterator[Step]:
    """What is there and should not be.

    A copy that is wanted, of a source that is there, stays when nothing is sent: who sends it has thought this shard
    dead, or has another pipe to make, and will send it again.
    """
    wanted = {(pipe.other, source) for pipe, sources in incoming.items() for source in sources}
    for source, copied in held.copies.items():
        if copied.shard in others and (copied.shard, source) not in wanted:
            yield Uncopy(source)
    sent = {(pipe.other, source) for pipe, sources in outgoing.items() for source in sources}
    for other, source in held.piped:
        if other in others and (other, source) not in sent:
            yield Unpipe(other, source)
    for pipe in held.ends:
        if pipe.other in others and pipe not in outgoing and pipe not in incoming:
            yield CloseEnd(pipe)


def _of_pipe(
    facts: RoomFacts,
    shard: str,
    held: Held,
    pipe: PipeName,
    outgoing: Mapping[str, Source],
    incoming: Mapping[str, Source],
) -> Iterator[Step]:
    """What is missing of a pipe that is needed."""
    end = held.ends.get(pipe)
    theirs = facts.end(pipe.other, shard, data=pipe.data)
    if end is None:
        yield MakeEnd(pipe)
        return
    if not end.remote:
        if theirs is not None and theirs.remote in ("", end.token):
            yield Connect(pipe, theirs)
        return
    if theirs is None or theirs.token != end.remote:
        yield RemakeEnd(pipe)
        return
    for source, fact in outgoing.items():
        if held.piped.get((pipe.other, source)) != end.token:
            yield Pipe(pipe, fact)
    for source, fact in incoming.items():
        piped = facts.piped(pipe.other, shard, source)
        if piped is not None and piped.token == end.remote and held.copies.get(source) != piped:
            yield Copy(fact, piped)


def other_of(step: Step, held: Held) -> str:
    """Towards which other shard a step is that a plan has."""
    match step:
        case Unpipe():
            return step.other
        case Copy():
            return step.piped.shard
        case Uncopy():
            return held.copies[step.source].shard
        case _:
            return step.pipe.other


def is_same_copy(one: PipedFact, other: PipedFact) -> bool:
    """Whether the two differ in nothing but whether the source is paused, and over which end it comes."""
    return one == msgspec.structs.replace(other, paused=one.paused, token=one.token)


def _is_data(source: Source) -> bool:
    return isinstance(source, DataProducerFact)
