"""The union of what nodes say of a room."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.cluster.errors import LimitError
from miso.cluster.facts import RoomFact, ShardFact, Source, WantFact
from miso.cluster.room_facts import (
    MAX_SHARDS_OF_NODE,
    MAX_STAMP,
    Change,
    Located,
    ParticipantCame,
    ParticipantChanged,
    ParticipantLeft,
    RoomFacts,
    Seen,
    SourceCame,
    SourceChanged,
    SourceLeft,
)
from tests.cluster.said import data_producer, end, participant, piped, producer, want

S, T = ShardFact(shard="s"), ShardFact(shard="t")


def said(*told: tuple[str, RoomFact]) -> RoomFacts:
    facts = RoomFacts()
    for node, fact in told:
        facts.change(node, fact.key, fact)
    return facts


def key_of(located: Located) -> tuple[str, str]:
    return located.node, located.fact.key


def test_a_participant_and_what_it_sends() -> None:
    facts = said(("a", S))
    p, x = participant("p"), producer("x")
    assert facts.change("a", p.key, p) == [ParticipantCame(Seen("a", p))]
    assert facts.change("a", x.key, x) == [SourceCame(Located("a", x))]
    assert facts.change("a", x.key, x) == []
    quiet = producer("x", paused=True)
    assert facts.change("a", x.key, quiet) == [SourceChanged(Located("a", x), Located("a", quiet))]
    renamed = participant("p", name="P")
    assert facts.change("a", p.key, renamed) == [ParticipantChanged(Seen("a", p), Seen("a", renamed))]
    assert facts.change("a", p.key, None) == [SourceLeft(Located("a", quiet)), ParticipantLeft(Seen("a", renamed))]
    assert facts.change("a", x.key, None) == []
    assert (list(facts.participants), facts.source("x"), facts.nodes) == ([], None, {"a"})


def test_what_is_sent_may_be_said_before_who_sends_it() -> None:
    facts = said(("a", producer("x")))
    assert facts.source("x") is None
    p = participant("p")
    assert facts.change("a", p.key, p) == [ParticipantCame(Seen("a", p)), SourceCame(Located("a", producer("x")))]


def test_who_comes_again_at_another_node_has_its_id() -> None:
    facts = said(("a", S), ("a", participant("p")), ("a", producer("x")), ("b", T))
    assert facts.next_stamp("p") == 2
    again = participant("p", "t", 2)
    assert facts.change("b", again.key, again) == [
        SourceLeft(Located("a", producer("x"))),
        ParticipantLeft(Seen("a", participant("p"))),
        ParticipantCame(Seen("b", again)),
    ]
    assert facts.participant("p") == Seen("b", again)
    assert facts.source("x") is None
    assert facts.change("a", again.key, None) == []
    assert facts.participant_count == 1


def test_of_equal_claims_everybody_takes_the_same() -> None:
    for order in ("ab", "ba"):
        facts = said(*((node, participant("p", node)) for node in order))
        assert facts.participant("p") == Seen("b", participant("p", "b"))


def test_what_a_shard_wants_of_another_one() -> None:
    facts = said(("a", S), ("a", participant("p")), ("a", producer("x")), ("b", T), ("b", want("t", "x")))
    assert facts.wanting("x") == {"t"}
    assert (facts.wanted("t", "s"), facts.wanted("s", "t")) == ([Located("a", producer("x"))], [])
    assert list(facts.partners("s")) == ["t"]
    assert list(facts.partners("t")) == ["s"]


def test_what_is_wanted_of_a_shard_where_it_does_not_arrive_is_wanted_of_nobody() -> None:
    facts = said(("a", S), ("a", participant("p")), ("a", producer("x")), ("b", T), ("b", want("t", "x", "u")))
    assert (facts.wanted("t", "s"), facts.wanted("t", "u")) == ([], [])


def test_a_node_is_forgotten() -> None:
    facts = said(("a", S), ("a", participant("p")), ("a", producer("x")), ("b", T), ("b", want("t", "x")))
    changes = facts.forget("a")
    assert [type(change).__name__ for change in changes] == ["SourceLeft", "ParticipantLeft"]
    assert (list(facts.shards), facts.node_of("s")) == ([("t", "b")], None)
    assert facts.wanted("t", "s") == []
    facts.forget("b")
    assert facts.nodes == set()
    assert (facts.wanting("x"), facts.participant_count) == (set(), 0)


def test_a_fact_under_anothers_key_is_passed_over() -> None:
    facts = RoomFacts()
    assert facts.change("a", "participant/q", participant("p")) == []
    assert facts.nodes == set()


NODES = st.sampled_from("abc")
FACTS: st.SearchStrategy[RoomFact] = st.one_of(
    st.builds(participant, st.sampled_from("pq"), st.sampled_from("st"), st.integers(1, 3), st.sampled_from("xy")),
    st.builds(producer, st.sampled_from("xy"), st.sampled_from("pq"), st.sampled_from("st"), paused=st.booleans()),
    st.builds(data_producer, st.sampled_from("dx"), st.sampled_from("pq"), st.sampled_from("st")),
    st.builds(want, st.sampled_from("st"), st.sampled_from("xyd"), st.sampled_from("st")),
)
OWNED: st.SearchStrategy[tuple[str, RoomFact]] = st.one_of(
    st.just(("a", S)), st.just(("b", T)), st.tuples(NODES, FACTS.filter(lambda fact: not isinstance(fact, WantFact)))
)
WANTS = st.builds(
    lambda fact: ("a" if fact.shard == "s" else "b", fact), FACTS.filter(lambda fact: isinstance(fact, WantFact))
)
NEWS = st.lists(st.tuples(st.one_of(OWNED, WANTS), st.booleans()).map(lambda news: (*news[0], news[1])), max_size=40)


def test_a_claim_that_nobody_can_pass_is_told_to_who_would_make_one() -> None:
    facts = said(("z", participant("p", stamp=MAX_STAMP - 1)))
    assert facts.next_stamp("p") == MAX_STAMP
    facts.change("z", participant("p").key, participant("p", stamp=MAX_STAMP))
    with pytest.raises(LimitError):
        facts.next_stamp("p")
    assert facts.next_stamp("q") == 1


def test_a_claim_has_the_time_unless_another_hosts_clock_is_ahead() -> None:
    facts = said(("b", participant("p", stamp=1_000)))
    assert facts.next_stamp("p", now_ms=5_000) == 5_000
    assert facts.next_stamp("p", now_ms=400) == 1_001


def test_a_node_with_more_shards_than_workers_has_none() -> None:
    """Each of them could want something, and would get a pipe from each shard that has it."""
    facts = said(("a", S), ("a", participant("p")), ("a", producer("x")))
    for number in range(MAX_SHARDS_OF_NODE):
        shard = ShardFact(shard=f"t{number}")
        facts.change("b", shard.key, shard)
        wanted = want(shard.shard, "x")
        facts.change("b", wanted.key, wanted)
    assert len(facts.wanting("x")) == MAX_SHARDS_OF_NODE
    facts.change("b", T.key, T)
    assert facts.wanting("x") == set()
    assert list(facts.shards) == [("s", "a")]
    facts.change("b", T.key, None)
    assert len(facts.wanting("x")) == MAX_SHARDS_OF_NODE


def test_what_somebody_sends_more_costs_no_more_than_what_it_sends_first() -> None:
    facts = said(("a", S), ("a", participant("p")))
    began_s = time.process_time()
    for number in range(10_000):
        one = producer(f"x{number}")
        assert facts.change("a", one.key, one) == [SourceCame(Located("a", one))]
    assert time.process_time() - began_s < 10  # 0.2 s; 50 s when each looks at all before it


def test_only_news_that_matter_to_a_shard_touch_it() -> None:
    here: list[RoomFact] = [S, participant("p"), producer("x"), want("s", "y", "t")]
    there: list[RoomFact] = [T, participant("q", "t"), producer("y", "q", "t")]
    elsewhere: list[RoomFact] = [ShardFact(shard="u"), participant("r", "u"), want("u", "y", "t")]
    told = {"a": here, "b": there, "c": elsewhere}
    facts = said(*((node, fact) for node, said_there in told.items() for fact in said_there))
    towards = {
        end("t", "s", "1").key: {"t"},
        piped("t", "s", "x", "1").key: {"t"},
        want("t", "x").key: {"t"},
        want("s", "y", "t").key: {"t"},
        producer("y").key: {"t"},
        participant("q").key: {"t"},
        T.key: {"t"},
    }
    assert {key: set(facts.touched("s", key) or ()) for key in towards} == towards
    assert facts.touched("s", S.key) is None, "it may be towards any"
    others = [
        end("t", "u", "1", data=True).key,
        piped("t", "u", "s", "1").key,
        want("u", "y", "t").key,
        producer("x").key,
        producer("z").key,
        participant("r").key,
        "shard/u",
    ]
    assert [key for key in others if facts.touched("s", key) is None or list(facts.touched("s", key) or ())] == []
    wanted = want("t", "x")
    facts.change("b", wanted.key, wanted)
    assert list(facts.touched("s", producer("x").key) or ()) == ["t"]


class Mirror:
    """What somebody knows who hears of the changes only; no change may be out of order."""

    def __init__(self) -> None:
        self.participants: dict[str, Seen] = {}
        self.sources: dict[tuple[str, str], Located] = {}

    def take(self, change: Change) -> None:
        match change:
            case ParticipantCame(seen):
                assert seen.fact.participant not in self.participants
                self.participants[seen.fact.participant] = seen
            case ParticipantChanged(before, seen):
                assert self.participants[seen.fact.participant] == before
                self.participants[seen.fact.participant] = seen
            case ParticipantLeft(seen):
                assert self.participants.pop(seen.fact.participant).node == seen.node
                assert not any(sender == seen.fact.participant for sender, _ in self.sources)
            case SourceCame(located):
                assert located.fact.participant in self.participants
                assert self.sources.setdefault(self._key(located.fact), located) is located
            case SourceChanged(before, located):
                assert self.sources[self._key(located.fact)] == before
                self.sources[self._key(located.fact)] = located
            case SourceLeft(located):
                del self.sources[self._key(located.fact)]

    def _key(self, fact: Source) -> tuple[str, str]:
        return fact.participant, fact.key


@given(NEWS)
def test_who_hears_of_changes_knows_what_everybody_sees(news: list[tuple[str, RoomFact, bool]]) -> None:
    facts, mirror = RoomFacts(), Mirror()
    for node, fact, is_gone in news:
        for change in facts.change(node, fact.key, None if is_gone else fact):
            mirror.take(change)
        assert mirror.participants == {seen.fact.participant: seen for seen in facts.participants}
        assert mirror.sources == {
            (seen.fact.participant, one.fact.key): one
            for seen in facts.participants
            for one in facts.sources_of(seen.fact.participant)
        }
    for node in list(facts.nodes):
        facts.forget(node)
    assert not any(vars(facts).values()), "nothing is kept of who has gone"


@given(NEWS, st.randoms(use_true_random=False))
def test_the_order_of_what_is_said_does_not_matter(news: list[tuple[str, RoomFact, bool]], random: object) -> None:
    last = {(node, fact.key): (node, fact) for node, fact, _ in news}
    facts = said(*((node, fact) for node, fact, _ in news))
    shuffled = list(last.values())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    other = said(*shuffled)
    assert [dict(facts.of_node(node)) for node in "abc"] == [dict(other.of_node(node)) for node in "abc"]
    assert sorted(seen.fact.participant for seen in facts.participants) == sorted(
        seen.fact.participant for seen in other.participants
    )
    for name in "pq":
        assert facts.participant(name) == other.participant(name)
        assert set(map(key_of, facts.sources_of(name))) == set(map(key_of, other.sources_of(name)))
    for one, two in ("st", "ts"):
        assert facts.wanted(one, two) == other.wanted(one, two)
        assert set(facts.partners(one)) == set(other.partners(one))
