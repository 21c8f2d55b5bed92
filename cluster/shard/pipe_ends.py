"""A shard's ends of pipes: made, connected, and made anew when nothing comes over them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from miso.cluster.facts import PipeEndFact
from miso.cluster.pipe_plan import HeldEnd, PipeName, RemakeEnd
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.settings import ShardSettings
from miso.cluster.shard.wants import Facts
from miso.controller import PipeTransport, RequestError, Router
from miso.controller.types import SctpState

logger = logging.getLogger(__name__)

_STREAMS = {"OS": 1024, "MIS": 65_535}
"""Data channels of a pipe, at first and at most: SCTP has no more streams."""
_TOKEN_BYTES = 8
MAX_SSRCS = 32_768
"""With so many SSRCs a pipe is encrypted until it gets new keys. A worker remembers with which ones it has sent under a
key, so that none begins again, and refuses further ones beyond 65,536. Those in use when there are new keys go on."""
_SILENT_CHECKS = 2
"""So often in a row nothing could be decrypted before a pipe counts as broken."""


@dataclass
class End:
    """One end of a pipe.

    Attributes:
        transport: It.
        token: Its name.
        remote: The name of the end that it is connected to; "": none.
        is_broken: It needs other keys: nothing comes over it, though the other end is there, or its keys are used up.
        refused: Packets that could not be decrypted until it was last checked.
        ssrcs: How many have been taken for what is sent under its keys.
    """

    transport: PipeTransport
    token: str
    remote: str = ""
    is_broken: bool = False
    refused: int = 0
    ssrcs: int = 0
    _decrypted: int = 0
    _silent_checks: int = 0

    @property
    def carries_data(self) -> bool:
        """Whether messages of data channels can come and go."""
        return self.transport.sctp_state == "connected"

    def anew(self) -> None:
        """It is another one, of which nothing is known to be wrong."""
        self.token, self.remote = _new_token(), ""
        self.is_broken = False
        self.ssrcs = 0
        self._silent_checks = 0

    def take_ssrcs(self, count: int) -> None:
        """So many more are sent with."""
        self.ssrcs += count
        if self.ssrcs > MAX_SSRCS and self.transport.srtp_parameters is not None:
            self.is_broken = True

    async def check(self) -> None:
        """Looks whether what comes can be decrypted.

        A receiver counts how often the numbers of packets have begun anew (RFC 3711 section 3.3.1). After a long
        silence of the network that count is wrong, and stays so: then there must be new keys.
        """
        [stats] = await self.transport.get_stats()
        refused, decrypted = stats.srtp_failures or 0, stats.rtp_bytes_received
        is_silent = refused > self.refused and decrypted == self._decrypted
        self._silent_checks = self._silent_checks + 1 if is_silent else 0
        self.refused, self._decrypted = refused, decrypted
        if self._silent_checks >= _SILENT_CHECKS:
            self.is_broken = True


class PipeEnds(Mapping[PipeName, End]):
    """The ends that a shard has. Says each change as a fact."""

    def __init__(
        self,
        shard: str,
        router: Router,
        room: RoomFacts,
        facts: Facts,
        settings: ShardSettings,
        on_news: Callable[[Iterable[str] | None], None],
    ) -> None:
        """There are none.

        Args:
            shard: Whose.
            router: Where they are.
            room: What is known of the room.
            facts: Where is said what is true of the shard.
            settings: What ends are made with.
            on_news: Called when something has changed, with the other shards that it may be about; None: any.
        """
        self._shard = shard
        self._router = router
        self._room = room
        self._facts = facts
        self._settings = settings
        self._on_news = on_news
        self._ends: dict[PipeName, End] = {}

    def __getitem__(self, pipe: PipeName) -> End:
        return self._ends[pipe]

    def __iter__(self) -> Iterator[PipeName]:
        return iter(self._ends)

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def held(self) -> dict[PipeName, HeldEnd]:
        """What the plan has to know of them."""
        return {pipe: HeldEnd(end.token, end.remote) for pipe, end in self._ends.items()}

    @property
    def broken(self) -> list[RemakeEnd]:
        """What is to be done beyond the plan."""
        return [RemakeEnd(pipe) for pipe, end in self._ends.items() if end.is_broken]

    async def make(self, pipe: PipeName) -> None:
        """Makes an end. Between hosts media are encrypted; data never are: SCTP is not within SRTP.

        Raises:
            RequestError: There is no free port, or the address is not of this host.
        """
        is_elsewhere = self._room.node_of(pipe.other) != self._room.node_of(self._shard)
        settings = self._settings
        address = settings.far if is_elsewhere else settings.near
        transport = await self._router.create_pipe_transport(
            listen_ip={"ip": address.ip, "announcedIp": address.announced_ip or None},
            enable_sctp=pipe.data,
            num_sctp_streams=_STREAMS,
            max_sctp_message_size=settings.max_message_size,
            sctp_send_buffer_size=settings.send_buffer_size,
            enable_rtx=not pipe.data,
            enable_srtp=is_elsewhere and not pipe.data,
        )
        end = End(transport, _new_token())
        self._ends[pipe] = end
        transport.observer.on("close", partial(self._closed, pipe, end))
        transport.on("sctpstatechange", partial(self._sctp_state_changed, end))
        self._say(pipe, end)

    async def remake(self, pipe: PipeName) -> None:
        """Gives an end another name and other keys. What it carries goes on when it is connected again.

        With a worker that is not Miso's it is closed, and another one made.
        """
        end = self._ends[pipe]
        try:
            await end.transport.disconnect()
        except RequestError as error:
            logger.info(
                "shard=%s pipe to shard=%s: its end is closed, and another made: %s", self._shard, pipe.other, error
            )
            end.transport.close()
            await self.make(pipe)
            return
        end.anew()
        self._say(pipe, end)

    async def connect(self, pipe: PipeName, to: PipeEndFact) -> None:
        """Has an end know the other one.

        Raises:
            TypeError: Its address or keys make no sense.
        """
        end = self._ends[pipe]
        await end.transport.connect(ip=to.ip, port=to.port, srtp_parameters=to.srtp)
        end.remote = to.token
        self._say(pipe, end)

    async def check(self) -> None:
        """Finds ends over which only what cannot be decrypted comes."""
        for pipe, end in list(self._ends.items()):
            if end.remote and not end.is_broken and not end.transport.closed and end.transport.srtp_parameters:
                await end.check()
                if end.is_broken:
                    logger.warning("shard=%s nothing from shard=%s can be decrypted: new keys", self._shard, pipe.other)
                    self._on_news([pipe.other])

    def close(self) -> None:
        """Closes all of them."""
        for end in list(self._ends.values()):
            end.transport.close()

    def _say(self, pipe: PipeName, end: End) -> None:
        if self._ends.get(pipe) is not end:  # it has closed while the worker was asked
            return
        local = end.transport.tuple
        self._facts.put(
            PipeEndFact(
                shard=self._shard,
                other=pipe.other,
                data=pipe.data,
                token=end.token,
                remote=end.remote,
                ip=local.local_ip,
                port=local.local_port,
                srtp=end.transport.srtp_parameters,
            )
        )
        self._on_news([pipe.other])

    def _closed(self, pipe: PipeName, end: End) -> None:
        if self._ends.get(pipe) is end:
            del self._ends[pipe]
            self._facts.drop(f"pipe/{self._shard}/{pipe.other}/{'data' if pipe.data else 'media'}")
            self._on_news([pipe.other])

    def _sctp_state_changed(self, end: End, state: SctpState) -> None:
        if state in ("failed", "closed") and end.remote:
            end.is_broken = True
        self._on_news(None)


def _new_token() -> str:
    return secrets.token_hex(_TOKEN_BYTES)
