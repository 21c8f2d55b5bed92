"""A producer: one media source that a transport feeds into its router."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Literal

from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.types import AppData, MediaKind, ProducerDump, ProducerScore, RtpParameters, RtpStreamStats
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import RtpType
from miso.worker.channel.bodies.transport import EnableTraceEventRequest

ProducerTraceEventType = Literal["rtp", "keyframe", "nack", "pli", "fir"]
"""What a producer or consumer can be traced for."""


class Producer(Entity):
    """A media source in a router. In the worker its consumers close with it.

    Events:
        transportclose(): Its transport closed, and it with it.
        score(list[ProducerScore]): How well its streams arrive, one entry for each stream.
        videoorientationchange(VideoOrientation): The camera was turned.
        trace(Trace): What ``enable_trace_event`` asked for.

    Observer events: close, pause, resume, score, videoorientationchange, trace.

    Attributes:
        kind: Audio or video.
        type: ``simple`` (one stream), ``simulcast`` (several) or ``svc`` (one with layers).
        rtp_parameters: What the remote side sends, completed.
        consumable_rtp_parameters: What the router makes of it for its consumers.
        paused: Whether its media is dropped.
        score: How well its streams arrive, 0 to 10, one entry for each stream seen.
    """

    _KIND = "producer"
    _CLOSE = commands.PRODUCER_CLOSE

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        kind: MediaKind,
        type: RtpType,
        rtp_parameters: RtpParameters,
        consumable_rtp_parameters: RtpParameters,
        paused: bool,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self.kind: Final = kind
        self.type: Final = type
        self.rtp_parameters: Final = rtp_parameters
        self.consumable_rtp_parameters: Final = consumable_rtp_parameters
        self.paused = paused
        self.score: list[ProducerScore] = []

    async def dump(self) -> ProducerDump:
        """The worker's view of it."""
        return await self._request(commands.PRODUCER_DUMP)

    async def get_stats(self) -> list[RtpStreamStats]:
        """Statistics of its streams."""
        return await self._request(commands.PRODUCER_GET_STATS)

    async def pause(self) -> None:
        """Drops its media from now on."""
        was_paused = self.paused
        await self._request(commands.PRODUCER_PAUSE)
        self.paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Forwards its media again."""
        was_paused = self.paused
        await self._request(commands.PRODUCER_RESUME)
        self.paused = False
        if was_paused:
            self.observer.emit("resume")

    async def enable_trace_event(self, types: Iterable[ProducerTraceEventType] = ()) -> None:
        """Chooses the kinds of ``trace`` events; none turns them off."""
        await self._request(commands.PRODUCER_ENABLE_TRACE_EVENT, EnableTraceEventRequest(types=list(types)))

    def send(self, rtp_packet: bytes) -> None:
        """Feeds it an RTP packet, if it is of a direct transport.

        Raises:
            TypeError: The packet is not bytes.
            InvalidStateError: It is closed.
            RequestError: It is too large, or the worker has not read what was sent before.
        """
        if not isinstance(rtp_packet, bytes | bytearray | memoryview):
            raise TypeError("rtp_packet must be bytes")
        self._check_open()
        self._channel.notify(commands.PRODUCER_SEND, self._path, None, bytes(rtp_packet))

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {
            "score": self._on_score,
            "videoorientationchange": partial(self._tell, "videoorientationchange"),
            "trace": partial(self._tell, "trace"),
        }

    def _on_score(self, score: list[ProducerScore]) -> None:
        self.score = score
        self._tell("score", score)
