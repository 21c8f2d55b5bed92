"""One hour by a fake clock in which publishers and players come and go in every way: nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import tracemalloc
from typing import NamedTuple

from pydantic import SecretStr

from miso.live.access.gate import Asking
from miso.live.access.settings import AccessSettings
from miso.live.access.tokens import Action, make_token
from miso.live.broadcast.settings import PlayersSettings
from miso.live.engine.services import Live, make_live
from miso.live.engine.settings import LiveSettings
from miso.live.errors import DeniedError, LimitError, StreamClosedError
from miso.live.flv_server.format import FlvFormat
from miso.live.media.codec import Codec
from miso.live.media.packet import Packet
from miso.live.sessions.session import Counts, EndReason, Role
from miso.live.sessions.settings import SessionsSettings
from miso.live.streams.settings import StreamsSettings
from miso.live.streams.subscription import Start
from tests.live.broadcast.peers import Viewer, connect
from tests.live.clock import FakeClock
from tests.live.media import records
from tests.live.streams.packets import AUDIO, VIDEO, picture, sound

HOUR_S = 3_600
MINUTE_S = 60
SECRET = "of publishers"
MAX_PLAYERS = 12
PATHS = ("live/a", "live/b", "rooms/deep/c")


class Left(NamedTuple):
    """What is there when everybody has gone."""

    descriptors: int
    objects: int
    tasks: int


class Publisher:
    """Takes a stream, and sends two pictures and a sound a second."""

    def __init__(self, live: Live, path: str) -> None:
        self.session = live.sessions.open("rtmp", "192.0.2.1", Role.PUBLISHER, path, self.leave)
        self.publication = live.streams.publish(path, self._lost)
        self.session.begin()
        self._sent_s = 0
        for track, codec, record in ((VIDEO, Codec.H264, records.H264), (AUDIO, Codec.AAC, records.AAC)):
            self.publication.write(Packet(track, codec, 0, record, is_config=True))

    def send(self) -> None:
        at_ms = self._sent_s * 1_000
        self._sent_s += 1
        for packet in (picture(at_ms, key=self._sent_s % 2 == 1, size=3_000), sound(at_ms), picture(at_ms + 500)):
            self.publication.write(packet)
        self.session.bytes_in += 3_110

    def leave(self, reason: EndReason = EndReason.DONE) -> None:
        self.session.end(reason)
        self.publication.close()

    def _lost(self) -> None:
        self.session.end(EndReason.REPLACED)


class Player:
    """Waits for a stream, and plays it over TCP."""

    def __init__(self, live: Live, path: str, start: Start, reads: bool) -> None:
        self.session = live.sessions.open("http-flv", "2001:db8::1", Role.PLAYER, path, self.leave)
        self.reads = reads
        self.viewer: Viewer | None = None
        self._live = live
        self._start = start
        self._task = asyncio.create_task(self._play())

    def read(self) -> None:
        if self.viewer is not None and self.reads:
            with contextlib.suppress(OSError):  # nothing is there, or it is closed
                while self.viewer.theirs.recv(1 << 16):
                    pass

    def vanish(self) -> None:
        """Its connection breaks."""
        if self.viewer is not None:
            self.viewer.theirs.close()
            self.leave()

    def leave(self) -> None:
        self._task.cancel()
        self._end(EndReason.DONE, "")

    async def _play(self) -> None:
        try:
            stream = self._live.streams.want(self.session.path)
            await stream.wait_for_tracks()
            broadcast = self._live.broadcasts.get(stream, FlvFormat())
        except StreamClosedError as error:
            self.session.fail(error)
            return
        viewer = self.viewer = Viewer(*await connect(small_buffers=True))
        player = viewer.player = broadcast.add(viewer.transport, start=self._start, on_end=self._end)
        self.session.count = lambda: Counts(bytes_out=player.sent_bytes, dropped_packets=player.dropped_packets)
        self.session.begin()

    def _end(self, reason: EndReason, detail: str) -> None:
        self.session.end(reason, detail)
        if self.viewer is not None:
            self.viewer.close()
            self.viewer = None


class Town:
    """A live side, and those who come and go."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        settings = LiveSettings(
            streams=StreamsSettings(takeover="replace", cache_packets=64),
            sessions=SessionsSettings(max_players=MAX_PLAYERS),
            access=AccessSettings(publish_secret=SecretStr(SECRET)),
            players=PlayersSettings(max_packets=64),
        )
        self.live = make_live(settings, self.clock, lambda: 1_000 + self.clock.time())
        self.events = 0
        self.live.events.subscribe(lambda event: self._count())
        self._dice = random.Random(9)
        self._publishers: list[Publisher] = []
        self._players: list[Player] = []

    async def second(self) -> None:
        """What happens in one."""
        await self._somebody_comes()
        self._somebody_goes()
        for publisher in self._publishers:
            publisher.send()
        await turns()
        for player in self._players:
            player.read()
        for _ in range(2):
            self.clock.advance(0.5)
            await turns()
        self._publishers = [one for one in self._publishers if not one.session.ended]
        self._players = [one for one in self._players if not one.session.ended]

    async def empty(self) -> Left:
        """Everybody goes; after a minute nothing is left of anybody."""
        for publisher in self._publishers:
            publisher.leave()
        for player in self._players:
            player.leave()
        self._publishers, self._players = [], []
        for _ in range(MINUTE_S):
            self.clock.advance(1)
            await turns()
        assert [len(part) for part in (self.live.sessions, self.live.streams, self.live.broadcasts)] == [0, 0, 0]
        gc.collect()
        return Left(len(os.listdir("/proc/self/fd")), len(gc.get_objects()), len(asyncio.all_tasks()))

    async def _somebody_comes(self) -> None:
        path = self._dice.choice(PATHS)
        if self._dice.random() < 0.05:
            may = self._dice.random() < 0.8
            token = make_token(SECRET.encode() if may else b"guessed", Action.PUBLISH, path, 10_000)
            asking = Asking(Action.PUBLISH, path, "rtmp", "192.0.2.1", {"token": token})
            with contextlib.suppress(DeniedError):
                self._publishers.append(Publisher(self.live, await self.live.gate.admit(asking)))
        if self._dice.random() < 0.5:
            start = self._dice.choice(list(Start))
            with contextlib.suppress(LimitError):
                self._players.append(Player(self.live, path, start, reads=self._dice.random() < 0.8))

    def _somebody_goes(self) -> None:
        if self._publishers and self._dice.random() < 0.03:
            publisher = self._dice.choice(self._publishers)
            self._dice.choice((publisher.leave, publisher.session.kick))()
        if self._players and self._dice.random() < 0.3:
            player = self._dice.choice(self._players)
            self._dice.choice((player.leave, player.vanish, player.session.kick))()
        if self._dice.random() < 0.003:
            stream = self.live.streams.get(self._dice.choice(PATHS))
            if stream is not None:
                stream.close()
        self._publishers = [one for one in self._publishers if not one.session.ended]

    def _count(self) -> None:
        self.events += 1


async def turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def test_after_an_hour_there_is_no_more_than_after_a_minute() -> None:
    town = Town()
    for _ in range(MINUTE_S):
        await town.second()
    before = await town.empty()
    tracemalloc.start()
    try:
        for _ in range(HOUR_S - MINUTE_S):
            await town.second()
        after = await town.empty()
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after.descriptors == before.descriptors
    assert after.tasks == before.tasks
    assert after.objects - before.objects < 300, "of some 1500 sessions"
    assert kept_bytes < 150_000
    reasons = {reason for _, _, reason in town.live.sessions.endings}
    assert reasons >= {
        EndReason.DONE,
        EndReason.KICKED,
        EndReason.REPLACED,
        EndReason.STREAM_ENDED,
        EndReason.TOO_SLOW,
    }
    assert EndReason.INTERNAL not in reasons
    assert town.live.gate.denied[Action.PUBLISH] > 0
    assert town.live.sessions.refused[Role.PLAYER] > 0
    assert sum(town.live.sessions.endings.values()) > 1_000
    assert town.events > 1_000
