"""Trace events: the controller asks for kinds of them by name, and gets one for each packet or message of a kind."""

from __future__ import annotations

from collections.abc import Collection

from miso.worker.channel.events import Trace, TraceValue
from miso.worker.dataplane import PacketTraced
from miso.worker.rtc.context import Context

STREAM_TRACES = ("rtp", "keyframe", "nack", "pli", "fir")
TRANSPORT_TRACES = ("probation", "bwe")
_NOTHING = frozenset[str]()


class Tracer:
    """Which kinds of trace events one object sends.

    Attributes:
        types: The kinds that are on.
    """

    __slots__ = ("_context", "_known", "_object_id", "types")

    def __init__(self, context: Context, object_id: str, known: tuple[str, ...]) -> None:
        self._context = context
        self._object_id = object_id
        self._known = known
        self.types = _NOTHING

    @property
    def names(self) -> str:
        """The kinds that are on, comma-separated, as dumps show them."""
        return ",".join(name for name in self._known if name in self.types) if self.types else ""

    def enable(self, types: Collection[str]) -> None:
        """Turns on exactly these kinds; unknown ones are ignored."""
        self.types = frozenset(types) & frozenset(self._known)

    def emit_packet(self, event: PacketTraced, direction: str, *, is_video: bool) -> None:
        """Sends the event of a packet: ``keyframe`` where it is one and they are traced, else ``rtp``."""
        info: dict[str, TraceValue] = dict(event.info)
        if event.is_rtx:
            info["isRtx"] = True
        info["isKeyFrame"] = is_key_frame = is_video and event.is_key_frame
        self.emit("keyframe" if is_key_frame and "keyframe" in self.types else "rtp", direction, info)

    def emit(self, trace_type: str, direction: str, info: dict[str, TraceValue]) -> None:
        """Sends the event when its kind is on; ``direction`` is ``in`` or ``out``."""
        if trace_type in self.types:
            timestamp = self._context.scheduler.now_us() // 1000
            self._context.notifier.notify(
                self._object_id, "trace", Trace(type=trace_type, timestamp=timestamp, direction=direction, info=info)
            )
