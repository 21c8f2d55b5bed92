"""``python -m bench.store`` measures what it says."""

from __future__ import annotations

from bench.store import measure


async def test_a_room_is_spread_over_hosts_and_all_of_it_is_found_in_redis() -> None:
    figures = await measure(participants=4, host_count=2, quiet_s=0.5)
    shards, ends, sources = 2, 4, 3 * 4
    assert figures["facts"] == shards + 5 * 4 + ends + 2 * sources
    assert figures["keys"] == 1 + 2, "who is in the room, and what each host says"
    assert 10_000 < figures["bytes"] < 1_000_000
    assert figures["bytes"] < figures["in_while_coming"] * 4
    assert figures["commands_quiet"] > 0
