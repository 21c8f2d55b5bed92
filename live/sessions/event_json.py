"""Events as programs and pages get them, under the names that Node-Media-Server uses where it has such a thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miso.live.sessions.events import Event, EventKind

_Value = str | int | float | None


def _unix_ms(unix_s: _Value) -> _Value:
    return round(unix_s * 1000) if isinstance(unix_s, int | float) else None


def _as_it_is(value: _Value) -> _Value:
    return value


_NAMES: Final[dict[str, tuple[str, Callable[[_Value], _Value]]]] = {
    "started_s": ("createTime", _unix_ms),
    "bytes_in": ("inBytes", _as_it_is),
    "bytes_out": ("outBytes", _as_it_is),
    "dropped_packets": ("droppedPackets", _as_it_is),
    "frame_rate": ("frameRate", _as_it_is),
    "sample_rate_hz": ("sampleRate", _as_it_is),
}


_BEGINNINGS: Final = (EventKind.PUBLISH, EventKind.PLAY)
_OF_PUBLISHERS: Final = {
    EventKind.PUBLISH: True,
    EventKind.UNPUBLISH: True,
    EventKind.PLAY: False,
    EventKind.STOP: False,
}


def event_json(event: Event) -> dict[str, object]:
    """The event. Times are Unix times in milliseconds; what it does not have is left out."""
    app, _, name = event.path.rpartition("/")
    content: dict[str, object] = {
        "action": event.kind.value,
        "time": _unix_ms(event.at_s),
        "path": event.path,
        "app": app,
        "name": name,
        "streamPath": f"/{event.path}",
    }
    if event.session_id:
        content |= {"id": event.session_id, "ip": event.address, "protocol": event.protocol}
    if event.kind in _OF_PUBLISHERS:
        content["isPublisher"] = _OF_PUBLISHERS[event.kind]
    for key, value in event.details.items():
        shown, convert = _NAMES.get(key, (key, _as_it_is))
        content[shown] = convert(value)
    if event.kind in _BEGINNINGS:
        content["createTime"] = content["time"]
    if "started_s" in event.details:
        content["endTime"] = content["time"]
    return content
