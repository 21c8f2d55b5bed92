"""Who speaks in a room of several shards."""

from __future__ import annotations

from miso.cluster.facts import Volume
from miso.cluster.speakers import FRESH_S, LOUDER_DB, MAX_LOUD, SpeakerMerge


def test_one_shards_word_is_taken_as_it_is() -> None:
    merge = SpeakerMerge()
    merge.hear("s", [Volume("ann", -20), Volume("bob", -30)], 1.0)
    assert merge.loud(1.0) == [Volume("ann", -20), Volume("bob", -30)]
    assert merge.leader == ""
    merge.follow("s", "bob", 1.0)
    assert merge.leader == "bob", "though another one is louder at the moment: the observer knows better"
    merge.follow("s", "ann", 1.3)
    assert merge.leader == "ann"
    merge.hear("s", [], 2.0)
    assert (merge.loud(2.0), merge.leader) == ([], "ann")


def test_the_loudest_of_all_shards_come_first() -> None:
    merge = SpeakerMerge()
    merge.hear("s", [Volume("ann", -20), Volume("bob", -40)], 1.0)
    merge.hear("t", [Volume("cid", -30)], 1.1)
    assert [volume.participant for volume in merge.loud(1.1)] == ["ann", "cid", "bob"]
    merge.hear("t", [Volume(str(number), -10) for number in range(20)], 1.2)
    assert len(merge.loud(1.2)) == MAX_LOUD


def test_a_shard_that_says_nothing_more_is_silent() -> None:
    merge = SpeakerMerge()
    merge.hear("s", [Volume("ann", -20)], 1.0)
    assert merge.loud(1.0 + FRESH_S) != []
    assert merge.loud(1.1 + FRESH_S) == []


def test_who_is_at_another_shard_leads_when_clearly_louder() -> None:
    merge = SpeakerMerge()
    merge.hear("s", [Volume("ann", -30)], 1.0)
    merge.follow("s", "ann", 1.0)
    merge.hear("t", [Volume("cid", -30 + LOUDER_DB - 1)], 1.1)
    merge.follow("t", "cid", 1.1)
    assert merge.leader == "ann"
    merge.hear("t", [Volume("cid", -30 + LOUDER_DB)], 1.2)
    assert merge.leader == "cid"
    merge.hear("s", [Volume("ann", -30 + 1)], 1.3)
    assert merge.leader == "cid"
    merge.hear("t", [], 1.4)
    assert merge.leader == "ann", "who is silent leads no longer than somebody else is"


def test_who_led_at_a_shard_that_is_gone_leads_no_more() -> None:
    merge = SpeakerMerge()
    merge.follow("s", "ann", 1.0)
    merge.keep({"t"})
    assert merge.leader == ""
    merge.follow("t", "cid", 1.1)
    assert merge.leader == "cid"


def test_who_is_heard_at_two_shards_is_told_once() -> None:
    merge = SpeakerMerge()
    merge.hear("s", [Volume("ann", -30)], 1.0)
    merge.hear("t", [Volume("ann", -20)], 1.0)
    assert merge.loud(1.0) == [Volume("ann", -20)]
