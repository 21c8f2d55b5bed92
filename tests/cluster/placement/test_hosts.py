"""Where a client is sent when its host drains or is full."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miso.cluster.facts import NodeFact, WorkerLoad
from miso.cluster.placement.hosts import HostChooser, is_web_url
from miso.cluster.placement.settings import PlacementSettings

SETTINGS = PlacementSettings()


def node(
    name: str, *cpu: float, region: str = "", draining: bool = False, url: str | None = None, packets: float = 0
) -> NodeFact:
    return NodeFact(
        node=f"{name}-1",
        name=name,
        region=region,
        ip="10.0.0.1",
        url=f"https://{name}.example/" if url is None else url,
        draining=draining,
        workers=[
            WorkerLoad(worker=number, cpu=each, packets_per_s=packets, shards=0)
            for number, each in enumerate(cpu or (0.1,))
        ],
    )


def sent_to(nodes: list[NodeFact], here: NodeFact, *, region: str | None = None, tries: int = 60) -> set[str]:
    """The names of all hosts that chance may send to."""
    found = set()
    for seed in range(tries):
        chosen = HostChooser(Random(seed)).choose(nodes, here, 0.0, region=region)
        if chosen is not None:
            found.add(chosen.name)
    return found


def test_nobody_is_sent_away_from_a_host_with_room() -> None:
    assert sent_to([node("b", 0.0)], node("a", 0.95, 0.5)) == set()


def test_a_full_host_sends_to_one_with_room() -> None:
    here = node("a", 0.95, 0.92)
    assert sent_to([here, node("b", 0.3), node("full", 0.93)], here) == {"b"}


def test_packets_fill_a_host_too() -> None:
    here = node("a", 0.1, packets=SETTINGS.full_packets_per_s)
    assert sent_to([here, node("b", 0.3)], here) == {"b"}


def test_a_full_host_keeps_clients_where_the_others_have_hardly_less() -> None:
    here = node("a", 0.92)
    assert sent_to([here, node("b", 0.85)], here) == set()


def test_a_draining_host_sends_away_though_it_has_room() -> None:
    here = node("a", 0.0, draining=True)
    assert sent_to([here, node("b", 0.8), node("c", 0.0, draining=True)], here) == {"b"}


def test_a_draining_host_sends_to_full_ones_rather_than_nowhere() -> None:
    here = node("a", 0.0, draining=True)
    assert sent_to([here, node("b", 0.95)], here) == {"b"}
    assert sent_to([here, node("b", 0.95), node("c", 0.5)], here) == {"c"}


def test_a_host_without_address_or_workers_gets_nobody() -> None:
    here = node("a", 0.0, draining=True)
    idle = NodeFact(node="c-1", name="c", ip="10.0.0.3", url="https://c.example/")
    assert sent_to([here, node("b", 0.0, url=""), idle], here) == set()


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (None, {"same"}),
        ("eu-west-3", {"same"}),
        ("us-east-1", {"far"}),
        ("eu-north", {"north"}),
        ("ap-south-1", {"same", "north", "far", "nowhere"}),
    ],
)
def test_near_regions_come_first(region: str | None, expected: set[str]) -> None:
    here = node("a", 0.0, region="eu-west-1", draining=True)
    others = [
        node("same", region="eu-west-1"),
        node("north", region="eu-north-1"),
        node("far", region="us-west-2"),
        node("nowhere"),
    ]
    assert sent_to(others, here, region=region, tries=200) == expected


def test_the_next_region_is_taken_where_the_nearest_is_full() -> None:
    here = node("a", 0.95, region="eu-west-1")
    others = [node("same", 0.95, region="eu-west-1"), node("north", 0.2, region="eu-north-1")]
    assert sent_to(others, here) == {"north"}


def test_a_client_is_not_sent_in_a_circle() -> None:
    a, b = node("a", 0.0, draining=True), node("b", 0.5)
    chooser = HostChooser(Random(1))
    assert chooser.choose([a, b], a, 0.0, passed=["b"]) is None
    assert chooser.choose([a, b], a, 0.0, hops=SETTINGS.most_hops) is None
    assert chooser.choose([a, b], a, 0.0, hops=SETTINGS.most_hops - 1) == b


def test_two_full_hosts_do_not_send_clients_back_and_forth() -> None:
    a, b = node("a", 0.99), node("b", 0.91)
    assert sent_to([a, b], a) == sent_to([a, b], b) == set()


def test_a_thousand_who_are_sent_between_two_reports_share_the_hosts() -> None:
    here = node("a", 0.0, draining=True)
    others = [node(f"host-{number}", 0.2 + 0.001 * number, 0.2, 0.2, 0.2) for number in range(10)]
    chooser = HostChooser(Random(2))
    counted = Counter(
        chosen.name for _ in range(1000) if (chosen := chooser.choose([here, *others], here, 1.0)) is not None
    )
    assert sum(counted.values()) == 1000
    assert max(counted.values()) <= 130
    assert min(counted.values()) >= 70


def test_those_who_were_sent_count_until_the_host_has_said_something_new() -> None:
    here = node("a", 0.0, draining=True)
    chooser = HostChooser(Random(3))
    for _ in range(100):
        chooser.choose([here, node("b", 0.2)], here, 0.0)
    both = [here, node("b", 0.2), node("c", 0.4)]
    assert chooser.choose(both, here, 60.0) == both[2]  # b is believed to have 0.7: it has said nothing since
    both = [here, node("b", 0.21), node("c", 0.4)]
    assert chooser.choose(both, here, 61.0) == both[1]


@given(
    st.lists(st.tuples(st.floats(0, 1024), st.booleans(), st.sampled_from(["", "eu", "eu-west", "us"])), max_size=8),
    st.floats(0, 1024),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_no_host_gets_more_than_it_should(
    others: list[tuple[float, bool, str]], own: float, draining: bool, seed: int
) -> None:
    here = node("here", own, region="eu-west", draining=draining)
    nodes = [
        here,
        *(node(str(n), cpu, region=region, draining=drains) for n, (cpu, drains, region) in enumerate(others)),
    ]
    chosen = HostChooser(Random(seed)).choose(nodes, here, 0.0)
    if chosen is None:
        return
    assert chosen.node != here.node
    assert not chosen.draining
    assert draining or own >= SETTINGS.full_at
    load = chosen.workers[0].cpu
    if not draining:
        assert load <= own - SETTINGS.gain
    if load >= SETTINGS.full_at:
        assert all(each.draining or each.workers[0].cpu >= SETTINGS.full_at for each in nodes[1:])


@pytest.mark.parametrize(
    "url",
    [
        *("", "javascript:alert(1)", "//b.example", "b.example:4443", "https://", "http://[::1", "https://b:99999/"),
        *("https://*", "https://*.example", "https://b;script-src *", "https://b, https://c", "https://b c"),
        *(
            "https://b\n.example",
            "https://bücher.example",
            "https://ann:secret@b.example",
            "https://[v1.:*]",
            "https://b:0",
        ),
    ],
)
def test_what_a_host_says_is_its_address_is_looked_at(url: str) -> None:
    assert not is_web_url(url)


@pytest.mark.parametrize(
    "url", ["https://b.example", "http://10.0.0.1:4443/?room=a", "https://[::1]:4443/", "HTTPS://B.example./"]
)
def test_addresses_that_browsers_reach(url: str) -> None:
    assert is_web_url(url)
