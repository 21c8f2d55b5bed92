"""What is sent again has the SSRCs that it had, unless these have begun under the same keys already."""

from __future__ import annotations

import asyncio

import pytest

from miso.cluster.facts import PipedFact
from miso.cluster.pipe_plan import PipeName
from miso.cluster.shard import pipe_ends
from miso.cluster.shard.pipe_ends import End
from miso.cluster.shard.sending import Sending
from tests.cluster.shard.rig import World, until
from tests.patience import PATIENCE_S


class Said:
    """What is said of what is sent."""

    def __init__(self) -> None:
        self.ssrcs: list[int | None] = []

    def put(self, fact: PipedFact) -> None:
        assert fact.rtp is not None
        self.ssrcs.append(fact.rtp.encodings[0].ssrc)

    def drop(self, key: str) -> None:
        pass


async def test_an_ssrc_does_not_begin_again_under_the_same_srtp_keys(world: World) -> None:
    here = await world.shard("s")
    _, producer = await world.films(here)
    await until(lambda: world.host_of(here).facts.source(producer.id))
    located = world.host_of(here).facts.source(producer.id)
    assert located is not None
    source = located.fact
    said, pipe = Said(), PipeName("t", False)
    sending = Sending("s", said, lambda others: None)  # type: ignore[arg-type]
    for again in (1, 2):
        end = End(await here.router.create_pipe_transport(listen_ip="127.0.0.1", enable_srtp=True), str(again))
        for _ in range(2):
            await sending.send(pipe, end, source)
            sending.stop("t", source.id)
    first, second, third, fourth = said.ssrcs
    assert first != second, "the same transport, the same keys"
    assert second == third, "a new transport"
    assert third != fourth


async def test_a_pipe_gets_new_keys_before_a_worker_takes_no_more_ssrcs_under_the_old_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time a source is wanted again it has other SSRCs."""
    monkeypatch.setattr(pipe_ends, "MAX_SSRCS", 4)
    here, there, _, _, copy, screen = await world.shows(("one", "two"))
    end = world.ends["s"][0]
    keys = {end.srtp_parameters}

    def renewed(times: int) -> bool:
        keys.add(end.srtp_parameters)
        return len(keys) == 1 + times

    _, other = await world.films(here, "other")
    await until(lambda: world.host_of(there).facts.source(other.id))
    async with asyncio.timeout(PATIENCE_S):
        for times in (1, 2):
            while not renewed(times):
                lease = await there.fetch(other.id)
                lease.release()
                await until(lambda lease=lease: lease.producer.closed)  # type: ignore[misc]
    await screen.sees(20)
    assert not copy.closed
    assert not screen.consumer.closed
    assert len(world.ends["s"]) == 1
