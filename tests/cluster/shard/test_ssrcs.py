"""What is sent again has the SSRCs that it had, unless these have begun under the same keys already."""

from __future__ import annotations

from miso.cluster.facts import PipedFact
from miso.cluster.pipe_plan import PipeName
from miso.cluster.shard.pipe_ends import End
from miso.cluster.shard.sending import Sending
from tests.cluster.shard.rig import World, until


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
