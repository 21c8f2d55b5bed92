"""What is told of a track when it has its codec."""

from __future__ import annotations

from typing import Final

from miso.live.media.codec import TrackId
from miso.live.sessions.events import Event, EventKind
from miso.live.streams.track import Track

_SAID: Final = ("profile", "level", "width", "height", "frame_rate", "sample_rate_hz", "channels")


def codec_event(path: str, track: Track, at_s: float) -> Event:
    """The event.

    Args:
        path: The stream's.
        track: Its track.
        at_s: Unix time.
    """
    details: dict[str, str | int | float] = {"track": track_name(track.id)}
    description = track.description()
    if description is not None:
        details["codec"] = description.codec.value
        details.update((name, value) for name in _SAID if (value := getattr(description, name)) is not None)
    return Event(EventKind.CODEC, at_s, path, details=details)


def track_name(track: TrackId) -> str:
    """As people read it: ``video``, and ``video/1`` of one that is not the main one."""
    return track.kind.value if track.number == 0 else f"{track.kind.value}/{track.number}"
