"""What a node may cost those who read it, over time."""

from __future__ import annotations

from miso.cluster.directory.redis.read_allowance import BURST_S, MAX_NODES, SHARE, ReadAllowance

A, B = "a-00000001", "b-00000002"


def reply(facts: int, size_bytes: int = 100, others: int = 0) -> list[bytes | int]:
    return [b"7", 0, 0, facts + others, *facts * (b"key", b"x" * size_bytes)]


def read_for(allowance: ReadAllowance, seconds: int, answer: list[bytes | int], node: str = A) -> int:
    """A node that is read whenever it may be, each millisecond; how often that was."""
    count = 0
    for now_ms in range(1000 * seconds):
        if allowance.may_read(node, now_ms / 1000):
            allowance.read(node, now_ms / 1000, answer)
            count += 1
    return count


def test_who_says_much_is_read_less_often_the_more_it_says() -> None:
    for facts, reading_s in ((20_000, 0.412), (2_000, 0.0412)):
        count = read_for(ReadAllowance(), 100, reply(facts))
        assert (BURST_S + 99 * SHARE) / reading_s - 1 < count < (BURST_S + 101 * SHARE) / reading_s + 2


def test_long_facts_and_facts_for_others_cost_too() -> None:
    few = read_for(ReadAllowance(), 10, reply(10, 200_000))
    assert few < 60
    assert read_for(ReadAllowance(), 10, reply(0, others=100_000)) < 20
    assert read_for(ReadAllowance(), 10, reply(1)) == 10_000


def test_one_that_costs_too_much_costs_the_others_nothing() -> None:
    allowance = ReadAllowance()
    read_for(allowance, 10, reply(20_000))
    assert not allowance.may_read(A, 10.0)
    assert allowance.may_read(B, 10.0)
    assert allowance.may_read(A, 10.0 + 1000)


def test_an_honest_host_with_many_rooms_is_read_at_once_after_everything_was_lost() -> None:
    allowance = ReadAllowance()
    for _ in range(3_000):
        assert allowance.may_read(A, 1.0)
        allowance.read(A, 1.0, reply(20, 300))


def test_an_answer_that_nothing_is_new_costs_nothing() -> None:
    allowance = ReadAllowance()
    for _ in range(100_000):
        allowance.read(A, 1.0, [b"7"])
        allowance.read(A, 1.0, [])
    assert allowance.may_read(A, 1.0)


def test_of_many_nodes_those_that_cost_least_are_forgotten() -> None:
    allowance = ReadAllowance(burst_s=0.1)
    allowance.read(A, 0.0, reply(20_000))
    for number in range(MAX_NODES + 10):
        allowance.read(f"x-{number:08x}", 0.0, reply(1))
    assert not allowance.may_read(A, 0.0)
