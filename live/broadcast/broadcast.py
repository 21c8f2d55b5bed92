"""Sends one stream in one format to its players; reads the stream once, frames each packet once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from miso.live.broadcast.format import Format, Part
from miso.live.broadcast.opening import metadata, read_members
from miso.live.broadcast.player import BroadcastPlayer, Wishes
from miso.live.broadcast.settings import PlayersSettings
from miso.live.broadcast.socket_player import SocketPlayer
from miso.live.broadcast.tls_player import TlsPlayer
from miso.live.clock import Clock, Timer
from miso.live.fanout.fanout import Fanout
from miso.live.fanout.place import Place
from miso.live.media.amf import EcmaArray
from miso.live.media.codec import Codec
from miso.live.media.description import TrackDescription, describe
from miso.live.media.packet import Kind, Packet, TrackId
from miso.live.sessions.session import EndReason
from miso.live.streams.memory import Memory
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import AUDIO_ONLY_START_MS, Reading, Start
from miso.live.streams.track import Track

logger = logging.getLogger(__name__)

CHECK_S: Final = 1.0
"""So often who is slow is looked for."""
LATE_S: Final = 1.0
"""A look that comes so much too late finds nobody slow: it was we who stood still, and sockets have room by now that
have not been looked at."""
TURN_US: Final = 2_000
"""So long packets go to players before everybody else on this event loop has a turn."""
MARGIN_MS: Final = 1_000
"""Packets of several tracks come a little out of order: what is before the first one has a time above 0, too."""
WORN_MS: Final = 1 << 30
"""From such a time on (12 days) a broadcast takes nobody in any more: players in browsers read times as 31 bits."""
FINISH_S: Final = 5.0
"""So long players have to take the rest of a stream that is over."""


class Broadcast:
    """The players of one stream in one format.

    Args:
        stream: The stream; its tracks are known.
        format: What packets look like.
        settings: What is kept, and how slow players may be.
        clock: The time.
        memory: What all streams may keep together: what is kept here counts, too.
        on_empty: Called when the last player has left: it is of no use any more.

    Raises:
        StreamClosedError: The stream is over.
    """

    def __init__(
        self,
        stream: Stream,
        format: Format,
        settings: PlayersSettings,
        clock: Clock,
        memory: Memory,
        on_empty: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.fanout = Fanout(settings.max_packets, settings.max_bytes, int(settings.max_lag * 1000))
        self._memory = memory
        memory.add(self.fanout, stream.path)
        self._stream = stream
        self._format = format
        self._clock = clock
        self._on_empty: Callable[[], None] | None = on_empty
        self._by_place: dict[Place, BroadcastPlayer] = {}
        self._by_transport: list[TlsPlayer] = []
        self._configs: dict[TrackId, Packet] = {}  # in force where the ring ends
        self._codecs: dict[TrackId, Codec] = {}  # likewise
        self._said = EcmaArray()  # by the publisher, of itself
        self._told_metadata: bytes | None = None
        self._newest_ms = 0
        self._sound_key_ms: int | None = None
        self._finish_timer: Timer | None = None
        self._subscription = stream.subscribe(Start.FAST if settings.gop_cache else Start.LIVE)
        first = self._subscription.next_now()
        self._base_ms = _base_ms(stream, first)  # of the stream's time: is 0 here
        self._take_over_what_is_known()
        self._read_all(first)
        self._checks: Timer | None = None
        self._check_due_s = 0.0
        self._check_later()
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._run())

    def __len__(self) -> int:
        return len(self._by_place)

    @property
    def is_worn(self) -> bool:
        """Whether its times have grown so large that who comes should have another one, which begins anew."""
        return self._newest_ms >= WORN_MS

    def add(
        self,
        transport: asyncio.WriteTransport,
        *,
        start: Start,
        on_end: Callable[[EndReason, str], None],
        wants_audio: bool = True,
        wants_video: bool = True,
        before: bytes = b"",
        takes: Callable[[Codec], bool] = lambda codec: True,
    ) -> BroadcastPlayer:
        """One more player.

        Args:
            transport: Its connection. From now on nobody else writes to it; on plain TCP not even through it.
            start: Where it begins.
            on_end: Called once with why it ended, unless it was removed. Its connection is to be closed then.
            wants_audio: Whether it gets sound.
            wants_video: Whether it gets pictures.
            before: What it gets first of all.
            takes: Whether it knows a codec; asked when a publisher comes back with another one. Its tracks of now are
                taken to be known.

        Raises:
            OSError: There are no descriptors left, or its socket is gone.
        """
        wishes = Wishes(start, wants_audio, wants_video, before, takes)
        player: BroadcastPlayer
        if transport.get_extra_info("ssl_object") is None and transport.get_extra_info("socket") is not None:
            player = SocketPlayer(self, transport, self._clock, wishes, on_end)
        else:
            player = tls_player = TlsPlayer(self, transport, wishes, on_end)
            self._by_transport.append(tls_player)
        self._by_place[player.place] = player
        if self._finish_timer is not None:
            player.finish()
        return player

    def close(self) -> None:
        """Lets go of everything; players that are left are told that the stream is over."""
        for player in list(self._by_place.values()):
            player.end(EndReason.STREAM_ENDED)
        self._let_go()

    def now_us(self) -> int:
        """For :class:`~miso.live.broadcast.player.Sender`."""
        return int(self._clock.time() * 1_000_000)

    def enter(self, place: Place, wishes: Wishes) -> None:
        """For :class:`~miso.live.broadcast.player.Sender`."""
        kinds = {
            track.id.kind
            for track in self._stream.tracks.values()
            if not track.ended and self._format.carries(track.id)
        }
        has_audio = wishes.audio and Kind.AUDIO in kinds
        has_video = wishes.video and Kind.VIDEO in kinds
        place.wants_audio, place.wants_video = wishes.audio, wishes.video
        if self._format.announces_kinds:
            place.wants_audio, place.wants_video = has_audio, has_video
        self.fanout.has_video = Kind.VIDEO in kinds
        wanted = [
            description
            for description in self._descriptions()
            if (has_audio if description.track.kind is Kind.AUDIO else has_video)
        ]
        self.fanout.add(
            place,
            b"".join(
                (
                    wishes.before,
                    self._format.begin(has_audio, has_video),
                    _joined(self._format.frame(metadata(self._said, wanted))),
                    self.fanout.audio_restart if has_audio else b"",
                    self.fanout.video_restart if has_video else b"",
                )
            ),
            fast=wishes.start is Start.FAST and self.settings.gop_cache,
            hold_audio=wishes.start is not Start.LIVE,
        )

    def left(self, player: BroadcastPlayer) -> None:
        """For :class:`~miso.live.broadcast.player.Sender`."""
        self._by_place.pop(player.place, None)
        if isinstance(player, TlsPlayer):
            self._by_transport.remove(player)
        if not self._by_place:
            self._let_go()

    def _let_go(self) -> None:
        on_empty, self._on_empty = self._on_empty, None
        if on_empty is None:
            return
        self._memory.remove(self.fanout)
        for timer in (self._checks, self._finish_timer):
            if timer is not None:
                timer.cancel()
        # In a circle with its task and timers it would keep the stream's packets until the collector comes by.
        self._checks = self._finish_timer = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        on_empty()

    def _take_over_what_is_known(self) -> None:
        for track in self._stream.tracks.values():
            if track.codec is not None:
                self._codecs[track.id] = track.codec
            if track.config is not None:
                self._configs[track.id] = config = self._based(track.config)
                self._newest_ms = max(self._newest_ms, config.dts_ms)
            if track.id.kind is Kind.DATA and len(track.ring):
                for position in range(track.ring.first, track.ring.end):
                    self._said = read_members(track.ring.at(position).packet.payload) or self._said
        self._make_restarts()

    async def _run(self) -> None:
        try:
            while (reading := await self._subscription.next()) is not None:
                self._read_all(reading)
                await self._flush()
        except Exception:
            logger.exception("%s: cannot be sent", self._stream)
            for player in list(self._by_place.values()):
                player.end(EndReason.INTERNAL)
            return
        self._finish_timer = self._clock.call_later(FINISH_S, self.close)
        for player in list(self._by_place.values()):
            player.finish()

    def _read_all(self, reading: Reading | None) -> None:
        """Takes what has come since; all of it goes out together."""
        while reading is not None:
            self._take(self._based(reading.packet))
            reading = self._subscription.next_now()

    def _based(self, packet: Packet) -> Packet:
        return packet.at(max(0, packet.dts_ms - self._base_ms)) if self._base_ms else packet

    def _take(self, packet: Packet) -> None:
        if packet.track.kind is Kind.DATA:
            self._take_data(packet)
            return
        if packet.codec is not None and packet.codec is not self._codecs.get(packet.track):
            self._change_codec(packet.track, packet.codec)
        if packet.is_config:
            self._take_config(packet)
            return
        config = self._stream.tracks[packet.track].config
        if packet.is_key and config is not None and config.codec is packet.codec:
            config = self._based(config)
            if config.dts_ms <= packet.dts_ms:
                self._take_config(config)  # if it was passed over on the way to the key frame
        parts = self._format.frame(packet)
        if not parts:
            return
        is_video = packet.track.kind is Kind.VIDEO
        self._newest_ms = packet.dts_ms
        if is_video and packet.is_key:
            self._make_restarts()
        is_key = packet.is_key if is_video else self._is_sound_to_begin_with(packet)
        self.fanout.append(parts, is_video=is_video, is_key=is_key, time_ms=packet.dts_ms)
        self._memory.has_written(self.fanout)

    def _change_codec(self, track: TrackId, codec: Codec) -> None:
        """A track begins, or a publisher has come back with another codec."""
        self._codecs[track] = codec
        if self._configs.pop(track, None) is not None:
            self._make_restarts()
            self.fanout.forget_key()
        if not track.number:
            for player in list(self._by_place.values()):
                player.meet(codec)

    def _take_config(self, packet: Packet) -> None:
        before = self._configs.get(packet.track)
        if before is packet or (
            before is not None and (before.codec, before.payload) == (packet.codec, packet.payload)
        ):
            return
        self._configs[packet.track] = packet
        self._newest_ms = max(self._newest_ms, packet.dts_ms)
        self._make_restarts()
        parts = self._format.frame(packet)
        if not parts:
            return
        if before is not None:
            self.fanout.forget_key()
        is_video = packet.track.kind is Kind.VIDEO
        self.fanout.append(parts, is_video=is_video, is_key=False, is_config=True, time_ms=packet.dts_ms)
        self._memory.has_written(self.fanout)

    def _take_data(self, packet: Packet) -> None:
        members = read_members(packet.payload)
        if members is not None:
            self._said = members
            packet = metadata(members, self._descriptions(), to_all=True)
            if self._told_metadata in (None, packet.payload):
                self._told_metadata = packet.payload
                return  # who comes is told in its opening
            self._told_metadata = packet.payload
        parts = self._format.frame(packet)
        if parts:
            self.fanout.append(parts, is_video=False, is_key=False, is_data=True, time_ms=self._newest_ms)
            self._memory.has_written(self.fanout)

    def _is_sound_to_begin_with(self, packet: Packet) -> bool:
        """Where there are no pictures, players begin with a sound of about a second ago."""
        if any(track.id.kind is Kind.VIDEO and not track.ended for track in self._stream.tracks.values()):
            self._sound_key_ms = None
            return False
        self.fanout.has_video = False
        if self._sound_key_ms is None or packet.dts_ms - self._sound_key_ms >= AUDIO_ONLY_START_MS:
            self._sound_key_ms = packet.dts_ms
            return True
        return False

    def _make_restarts(self) -> None:
        """What a decoder needs before the next packet. Its time is that one's: players want times that grow."""
        of_kind = {Kind.AUDIO: b"", Kind.VIDEO: b""}
        for config in self._configs.values():
            of_kind[config.track.kind] += _joined(self._format.frame(config.at(self._newest_ms)))
        self.fanout.audio_restart, self.fanout.video_restart = of_kind[Kind.AUDIO], of_kind[Kind.VIDEO]

    def _carried(self) -> list[Track]:
        """The tracks that players get."""
        return [t for t in self._stream.tracks.values() if not t.ended and self._format.carries(t.id)]

    def _descriptions(self) -> list[TrackDescription]:
        """Of the tracks that the format carries."""
        found = []
        for track in self._carried():
            if track.codec is None:
                continue
            about = self._configs.get(track.id)
            if about is None and track.codec is Codec.MP3 and len(track.ring):
                about = track.ring.at(track.ring.end - 1).packet
            found.append(describe(about) if about is not None else TrackDescription(track.id, track.codec))
        return found

    async def _flush(self) -> None:
        """Sends to all players; what comes meanwhile, waits in the stream and goes out together."""
        while True:
            blocked, broken = self.fanout.flush(self.now_us(), TURN_US)
            for place in blocked or ():
                player = self._by_place[place]
                assert isinstance(player, SocketPlayer)
                player.watch()
            for place in broken or ():
                if place in self._by_place:  # unless another one's end has taken it along
                    self._by_place[place].end(EndReason.DONE, place.error or "")
            if self.fanout.is_flushed:
                break
            await asyncio.sleep(0)
        for player in list(self._by_transport):
            player.send()

    def _check_later(self) -> None:
        self._check_due_s = self._clock.time() + CHECK_S
        self._checks = self._clock.call_later(CHECK_S, self._check)

    def _check(self) -> None:
        late_s = self._clock.time() - self._check_due_s
        self._check_later()
        if late_s > LATE_S:
            return
        now_us = self.now_us()
        for player in list(self._by_place.values()):
            player.check(now_us)


def _base_ms(stream: Stream, first: Reading | None) -> int:
    """From where a broadcast counts its time: with a stream's beginning, unless that is long ago."""
    kept = [track.ring.at(track.ring.end - 1).packet for track in stream.tracks.values() if len(track.ring)]
    now_ms = max((packet.dts_ms for packet in kept if packet.track.kind is not Kind.DATA), default=0)
    begin_ms = (now_ms if first is None else first.packet.dts_ms) - MARGIN_MS
    return begin_ms if begin_ms >= WORN_MS else 0


def _joined(parts: tuple[Part, ...]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else part[0][part[1] : part[2]] for part in parts)
