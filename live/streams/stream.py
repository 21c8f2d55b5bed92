"""One stream: its states, its publisher, its tracks, and who waits for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from miso.live.clock import Clock, Timer
from miso.live.errors import RefusedError, StreamBusyError, StreamClosedError
from miso.live.media.packet import Kind, Packet, TrackId
from miso.live.streams.codec_news import CodecNews
from miso.live.streams.memory import Memory
from miso.live.streams.publication import Publication
from miso.live.streams.ring import Bounds
from miso.live.streams.subscription import Start, Subscription
from miso.live.streams.timeline import Timeline
from miso.live.streams.track import Track
from miso.live.streams.waiters import Waiters


class State(Enum):
    """Where a stream is in its life.

    WAITING: Somebody waits for it; nobody has published it yet.
    PUBLISHING: It has a publisher.
    PUBLISHER_GONE: Its publisher went; players stay, for the case that it comes back.
    CLOSED: It is over. Who wants the same name gets another stream.
    """

    WAITING = "waiting"
    PUBLISHING = "publishing"
    PUBLISHER_GONE = "publisher gone"
    CLOSED = "closed"


class Change(Enum):
    """What moves a stream from state to state."""

    PUBLISH = "a publisher comes"
    UNPUBLISH = "the publisher goes"
    TIMEOUT = "nobody came in time"
    CLOSE = "it is ended"


TRANSITIONS: Final = {
    (State.WAITING, Change.PUBLISH): State.PUBLISHING,
    (State.WAITING, Change.TIMEOUT): State.CLOSED,
    (State.WAITING, Change.CLOSE): State.CLOSED,
    (State.PUBLISHING, Change.PUBLISH): State.PUBLISHING,  # it takes the place of the one before
    (State.PUBLISHING, Change.UNPUBLISH): State.PUBLISHER_GONE,
    (State.PUBLISHING, Change.CLOSE): State.CLOSED,
    (State.PUBLISHER_GONE, Change.PUBLISH): State.PUBLISHING,
    (State.PUBLISHER_GONE, Change.TIMEOUT): State.CLOSED,
    (State.PUBLISHER_GONE, Change.CLOSE): State.CLOSED,
}
"""What is not in it does not happen: a closed stream stays closed."""


class Takeover(Enum):
    """What becomes of a second publisher of the same name.

    REJECT: It is refused.
    REPLACE: It takes the place of the first, which is told.
    """

    REJECT = "reject"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How streams behave.

    Attributes:
        takeover: What becomes of a second publisher.
        wait_s: So long a stream without a publisher is waited for.
        grace_s: So long players stay when the publisher has gone; 0: not at all.
        tracks_wait_s: So long after a publisher's first packet its tracks count as known, even if not all have come.
        max_tracks: So many a publisher may have.
        bounds: Of each track's ring, and so of what a new viewer may begin with.
        max_leap_s: A publisher whose time leaps by more than that has begun anew; see
            :class:`~miso.live.streams.timeline.Timeline`.
    """

    takeover: Takeover = Takeover.REJECT
    wait_s: float = 5.0
    grace_s: float = 10.0
    tracks_wait_s: float = 2.0
    max_tracks: int = 16
    bounds: Bounds = field(default_factory=Bounds)
    max_leap_s: float = 10.0


def _nobody_asks(stream: Stream, track: Track) -> None:
    pass


class Stream:
    """A stream of that path.

    Attributes:
        path: ``app/name``, or deeper.
        state: Where it is in its life.
        tracks: By id, in the order in which they came.

    Args:
        on_closed: Called once, when it is over.
        on_codec: Called when a track has its codec or configuration, or another one; see
            :class:`~miso.live.streams.codec_news.CodecNews` for how often.
        memory: What all streams may keep together; None: no bound.
    """

    def __init__(
        self,
        path: str,
        settings: StreamSettings,
        clock: Clock,
        on_closed: Callable[[Stream], None],
        on_codec: Callable[[Stream, Track], None] = _nobody_asks,
        memory: Memory | None = None,
    ) -> None:
        self.path = path
        self.state = State.WAITING
        self.tracks: dict[TrackId, Track] = {}
        self._settings = settings
        self._clock = clock
        self._on_closed = on_closed
        self._memory = memory
        self._codec_news = CodecNews(clock, lambda track: on_codec(self, track))
        self._publication: Publication | None = None
        self._timeline = Timeline(settings.max_leap_s)
        self._arrivals = 0
        self._tracks_known = False
        self._changed = Waiters()  # a new track, another state, or all tracks known
        self._tracks_timer: Timer | None = None
        self._timer: Timer | None = clock.call_later(settings.wait_s, self._nobody_came)

    def __repr__(self) -> str:
        return f"<Stream {self.path} {self.state.value}>"

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.state is State.CLOSED

    @property
    def publication(self) -> Publication | None:
        """Its publisher's hold on it; None: it has no publisher."""
        return self._publication

    def publish(
        self,
        on_lost: Callable[[], None],
        is_there: Callable[[], Awaitable[bool]] | None = None,
        *,
        in_place_of: Publication | None = None,
    ) -> Publication:
        """A publisher comes.

        Args:
            on_lost: Called when another publisher takes the stream over, or somebody ends it.
            is_there: Finds out whether this publisher is still there when another one comes.
            in_place_of: Who is known to be gone.

        Raises:
            StreamBusyError: There is one, and it stays.
            StreamClosedError: The stream is over.
        """
        stays = self._publication is not None and self._publication is not in_place_of
        if stays and self._settings.takeover is Takeover.REJECT:
            raise StreamBusyError(f"{self.path} is being published")
        self._move(Change.PUBLISH)
        before, self._publication = self._publication, Publication(self, on_lost, is_there)
        self._timeline.begin()
        self._tracks_known = False
        self._stop_timers()
        for track in self.tracks.values():
            track.ended = True  # until the new publisher has it, too
        if before is not None:
            before.lose()
        return self._publication

    def subscribe(self, start: Start, kinds: Iterable[Kind] | None = None) -> Subscription:
        """A reader of its packets.

        Args:
            start: Where it begins.
            kinds: What it reads; None: everything.

        Raises:
            StreamClosedError: The stream is over.
        """
        if self.closed:
            raise StreamClosedError(f"{self.path} is over")
        return Subscription(self.tracks, self._changed, lambda: self.closed, start, kinds)

    async def wait_for_tracks(self, wanted: Callable[[Track], bool] | None = None) -> list[Track]:
        """The tracks that its publisher has, once they are known; it need not have come yet.

        They are known some time after its first packet, or as soon as there are sound and pictures. That happens within
        the times of :class:`StreamSettings`, or the stream ends before.

        Args:
            wanted: Which are of use to who asks (by codec, say); None: all.

        Raises:
            StreamClosedError: Nobody publishes it, or nobody any more.
        """
        while not self._tracks_known:
            if self.closed:
                raise StreamClosedError(f"{self.path} is not published")
            await self._changed.wait()
        return [track for track in self.tracks.values() if not track.ended and (wanted is None or wanted(track))]

    def take_in(self, packet: Packet) -> None:
        """For :class:`Publication`.

        Raises:
            RefusedError: It would be one track too many.
        """
        track = self.tracks.get(packet.track)
        if track is None:
            if len(self.tracks) >= self._settings.max_tracks:
                raise RefusedError(f"{self.path} has {len(self.tracks)} tracks, more are not allowed")
            track = self.tracks[packet.track] = self._new_track(packet.track)
            self._changed.wake()
        placed_ms = self._timeline.place(packet.dts_ms, self._clock.time())
        known = track.codec, track.config
        track.write(self._arrivals, packet if placed_ms == packet.dts_ms else packet.at(placed_ms))
        self._arrivals += 1
        if known != (track.codec, track.config):
            self._codec_news.changed(track)
        if not self._tracks_known:
            self._look_whether_tracks_are_known()

    def publisher_left(self) -> None:
        """For :class:`Publication`."""
        self._publication = None
        self._move(Change.UNPUBLISH)
        self._stop_timers()
        if self._settings.grace_s > 0:
            self._timer = self._clock.call_later(self._settings.grace_s, self._nobody_came)
        else:
            self._nobody_came()

    def close(self) -> None:
        """Ends it, for its publisher and for everybody who reads it or waits."""
        if not self.closed:
            self._move(Change.CLOSE)
            self._end()

    def _new_track(self, track_id: TrackId) -> Track:
        return Track(track_id, self._settings.bounds, self._memory, self.path)

    def _move(self, change: Change) -> None:
        state = TRANSITIONS.get((self.state, change))
        if state is None:
            raise StreamClosedError(f"{self.path} is {self.state.value}: {change.value}")
        self.state = state
        self._changed.wake()

    def _nobody_came(self) -> None:
        self._timer = None
        self._move(Change.TIMEOUT)
        self._end()

    def _end(self) -> None:
        self._stop_timers()
        self._codec_news.close()
        publication, self._publication = self._publication, None
        for track in self.tracks.values():
            track.ring.close()
        self._changed.wake()
        if publication is not None:
            publication.lose()
        self._on_closed(self)

    def _look_whether_tracks_are_known(self) -> None:
        kinds = {track_id.kind for track_id, track in self.tracks.items() if not track.ended}
        if {Kind.AUDIO, Kind.VIDEO} <= kinds:
            self._set_tracks_known()
        elif self._tracks_timer is None and kinds - {Kind.DATA}:
            self._tracks_timer = self._clock.call_later(self._settings.tracks_wait_s, self._set_tracks_known)

    def _set_tracks_known(self) -> None:
        if self._tracks_timer is not None:
            self._tracks_timer.cancel()
            self._tracks_timer = None
        self._tracks_known = True
        self._changed.wake()

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._tracks_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._tracks_timer = None
