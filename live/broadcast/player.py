"""What all players have in common, whatever way their bytes take: what they want, what they are told, how they end."""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from miso.live.broadcast.settings import PlayersSettings
from miso.live.fanout.fanout import Fanout
from miso.live.fanout.place import Place
from miso.live.media.codec import Codec, Kind
from miso.live.sessions.session import EndReason
from miso.live.streams.subscription import Start

SKIPS_WITHIN_US: Final = 120_000_000
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 s


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a player wants to begin.

    Attributes:
        start: Where.
        audio: Whether it wants sound.
        video: Whether it wants pictures.
        before: What it gets first of all.
        takes: Whether it knows a codec.
    """

    start: Start
    audio: bool
    video: bool
    before: bytes
    takes: Callable[[Codec], bool] = lambda codec: True


class Sender(Protocol):
    """A broadcast, as its players see it."""

    fanout: Fanout
    settings: PlayersSettings

    def now_us(self) -> int:
        """The time."""

    def enter(self, place: Place, wishes: Wishes) -> None:
        """Puts a player's place into the ring."""

    def left(self, player: BroadcastPlayer) -> None:
        """It is a player no more."""


class BroadcastPlayer(ABC):
    """One player of a broadcast.

    Args:
        sender: The broadcast.
        transport: The connection.
        place: In its ring.
        wishes: How it begins.
        on_end: Called once when it ends by itself, with why: its connection is to be closed then.
    """

    def __init__(
        self,
        sender: Sender,
        transport: asyncio.WriteTransport,
        place: Place,
        wishes: Wishes,
        on_end: Callable[[EndReason, str], None],
    ) -> None:
        self.place: Final = place
        self._sender = sender
        self._transport = transport
        self._wishes = wishes
        self._on_end: Callable[[EndReason, str], None] | None = on_end
        self._wants_audio = wishes.audio
        self._wants_video = wishes.video
        self._is_paused = False
        self._told_bytes = 0  # since nothing of that waited
        self._last: tuple[EndReason, str] | None = None  # nothing more comes: with this it ends when it has everything
        self._skips_from = 0  # of the place's restarts: those before are forgotten
        self._skips_since_us = sender.now_us()

    @property
    def ended(self) -> bool:
        """Whether it is a player no more."""
        return self._on_end is None

    @property
    def sent_bytes(self) -> int:
        """What has gone to it."""
        return self.place.sent_bytes

    @property
    def dropped_packets(self) -> int:
        """What it has missed because it was too slow."""
        return self.place.dropped_packets

    def say(self, data: bytes) -> None:
        """Tells it something between two packets. If too much of that waits already, it ends: it is too slow."""
        if self.ended:
            return
        if not self.place.waiting_bytes:
            self._told_bytes = 0
        self._told_bytes += len(data)
        if self._told_bytes > self._sender.settings.max_told_bytes:
            self.end(EndReason.TOO_SLOW, f"{self._told_bytes} bytes of answers wait for it")
            return
        self._sender.fanout.say(self.place, data)
        self.send()

    def wants(self, audio: bool, video: bool) -> None:
        """What it is sent from now on. Pictures that begin do so with a key frame."""
        more_video = video and not self._wants_video
        self._wants_audio, self._wants_video = audio, video
        if not self._is_paused:
            self._apply(begin_anew=more_video)

    def pause(self) -> None:
        """Sends nothing until :meth:`resume`."""
        self._is_paused = True
        self.place.wants_audio = self.place.wants_video = False

    def resume(self) -> None:
        """Goes on, with what is live then: configurations, and pictures from the next key frame on."""
        if self._is_paused:
            self._is_paused = False
            self._apply(begin_anew=True)

    def remove(self) -> None:
        """Sends it no more. Nothing happens if it has ended."""
        if self._on_end is not None:
            self._on_end = None
            self.release()
            self._sender.left(self)

    def end(self, reason: EndReason, detail: str = "") -> None:
        """Sends it no more, and says so to who has its connection."""
        on_end = self._on_end
        if on_end is not None:
            if reason is EndReason.TOO_SLOW:
                self._give_up_unsent()
            self.remove()
            on_end(reason, detail)

    def finish(self, reason: EndReason = EndReason.STREAM_ENDED, detail: str = "") -> None:
        """Nothing more comes: it ends when it has everything. Nothing happens if it has ended."""
        if self.ended:
            return
        if self._last is None:
            self._last = reason, detail
        self.send()

    def meet(self, codec: Codec) -> None:
        """The stream has it from now on: for who does not know it, that is the end."""
        if self._wishes.takes(codec):
            return
        if codec.kind is Kind.AUDIO:
            self.place.wants_audio = False
        else:
            self.place.wants_video = False
        self.finish(EndReason.REFUSED, f"the stream's {codec.kind.value} is {codec.value} now, which the player lacks")

    def check(self, now_us: int) -> None:
        """Ends it if it is too slow."""
        settings = self._sender.settings
        since_us = self.blocked_since_us(now_us)
        if since_us and now_us - since_us >= settings.frozen * 1e6:
            self.end(EndReason.TOO_SLOW, f"it has taken nothing for {settings.frozen:g} s")
            return
        if now_us - self._skips_since_us >= SKIPS_WITHIN_US:
            self._skips_from, self._skips_since_us = self.place.restarts, now_us
        skips = self.place.restarts - self._skips_from
        if skips > settings.max_skips:
            self.end(EndReason.TOO_SLOW, f"it was overtaken {skips} times within {SKIPS_WITHIN_US // 1_000_000} s")

    @abstractmethod
    def send(self) -> None:
        """Sends it what it lacks, as far as it takes it."""

    @abstractmethod
    def blocked_since_us(self, now_us: int) -> int:
        """Since when it takes nothing; 0: it does, or has everything."""

    @abstractmethod
    def release(self) -> None:
        """Lets go of what it holds."""

    def _has_everything(self) -> None:
        """It has: it ends if nothing more comes."""
        if self._last is not None:
            self.end(*self._last)

    def _give_up_unsent(self) -> None:
        """Closed as usual, the kernel would go on for minutes to offer it megabytes that it does not take."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _apply(self, *, begin_anew: bool) -> None:
        self.place.wants_audio, self.place.wants_video = self._wants_audio, self._wants_video
        if begin_anew and not self.ended:
            self._sender.fanout.begin_anew(self.place)
            self.send()
