"""Who counts as living, after Redis was away, too."""

from __future__ import annotations

from collections import Counter

from miso.cluster.directory.redis.live_nodes import Listed, LiveNodes

OWN, FAST, SLOW = "own-00000000", "fast-00000000", "slow-00000000"


def listed(**seen_ms: float) -> dict[bytes, Listed]:
    names = {"own": OWN, "fast": FAST, "slow": SLOW}
    return {names[name].encode(): Listed(b"", ms) for name, ms in seen_ms.items()}


def three() -> LiveNodes:
    nodes = LiveNodes(OWN, Counter())
    assert nodes.listed(1.0, listed(own=1000, fast=1000, slow=1000)).came == {FAST, SLOW}
    return nodes


def test_who_is_not_listed_any_more_has_ended() -> None:
    nodes = three()
    assert nodes.listed(2.0, listed(own=2000, fast=2000)).ended == {SLOW}
    assert nodes.ids == {OWN, FAST}


def test_after_an_outage_who_was_not_heard_of_has_its_grace_and_who_was_has_not() -> None:
    nodes = three()
    nodes.give_grace(18.0)
    assert not nodes.listed(10.0, listed(own=10_000, fast=10_000, slow=10_000), since_ms=10_000).ended
    assert not nodes.listed(11.0, listed(own=11_000, fast=11_000, slow=10_000), since_ms=10_000).ended
    assert nodes.listed(15.0, listed(own=15_000), since_ms=10_000).ended == {FAST}
    assert nodes.ids == {OWN, SLOW}
    assert nodes.listed(18.0, listed(own=18_000), since_ms=10_000).ended == {SLOW}


def test_of_a_store_that_came_back_empty_each_sign_of_life_is_new() -> None:
    nodes = three()
    nodes.give_grace(18.0)
    assert not nodes.listed(10.0, listed(own=10_000, fast=10_000)).ended
    assert nodes.listed(14.5, listed(own=14_500)).ended == {FAST}
    assert nodes.ids == {OWN, SLOW}


def test_a_second_outage_begins_anew() -> None:
    nodes = three()
    nodes.give_grace(18.0)
    nodes.listed(10.0, listed(own=10_000, fast=10_000))
    nodes.give_grace(28.0)
    assert not nodes.listed(20.0, listed(own=20_000), since_ms=20_000).ended
    assert nodes.listed(28.0, listed(own=28_000), since_ms=20_000).ended == {FAST, SLOW}
