"""A producer: one media source that a transport feeds into its router."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.types import (
    AppData,
    MediaKind,
    ProducerDump,
    ProducerScore,
    RtpParameters,
    RtpStreamStats,
    Trace,
    VideoOrientation,
)
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import RtpType
from miso.worker.channel.bodies.transport import CloseProducerRequest, EnableTraceEventRequest

ProducerTraceEventType = Literal["rtp", "keyframe", "nack", "pli", "fir"]
"""What a producer or consumer can be traced for."""


class Producer(Entity):
    """A media source in a router.

    Events:
        transportclose(): Its transport closed, and it with it.
        score(list[ProducerScore]): How well its streams arrive, one entry for each stream.
        videoorientationchange(VideoOrientation): The camera was turned.
        trace(Trace): What ``enable_trace_event`` asked for.

    Observer events: close, pause, resume, score, videoorientationchange, trace.
    """

    _KIND = "producer"

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
        self._kind = kind
        self._type = type
        self._rtp_parameters = rtp_parameters
        self._consumable_rtp_parameters = consumable_rtp_parameters
        self._paused = paused
        self._score: list[ProducerScore] = []

    @property
    def kind(self) -> MediaKind:
        """Audio or video."""
        return self._kind

    @property
    def type(self) -> RtpType:
        """``simple`` (one stream), ``simulcast`` (several) or ``svc`` (one with layers)."""
        return self._type

    @property
    def rtp_parameters(self) -> RtpParameters:
        """What the remote side sends, completed."""
        return self._rtp_parameters

    @property
    def consumable_rtp_parameters(self) -> RtpParameters:
        """What the router makes of it for its consumers."""
        return self._consumable_rtp_parameters

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused

    @property
    def score(self) -> list[ProducerScore]:
        """How well its streams arrive, 0 to 10, one entry for each stream seen."""
        return self._score

    def close(self) -> None:
        """Closes it and, in the worker, its consumers."""
        self._end(None)

    def transport_closed(self) -> None:
        """For its transport, which closed."""
        self._end("transportclose")

    async def dump(self) -> ProducerDump:
        """The worker's view of it."""
        return await self._request(commands.PRODUCER_DUMP)

    async def get_stats(self) -> list[RtpStreamStats]:
        """Statistics of its streams."""
        return await self._request(commands.PRODUCER_GET_STATS)

    async def pause(self) -> None:
        """Drops its media from now on."""
        was_paused = self._paused
        await self._request(commands.PRODUCER_PAUSE)
        self._paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Forwards its media again."""
        was_paused = self._paused
        await self._request(commands.PRODUCER_RESUME)
        self._paused = False
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

    def _close_in_worker(self) -> None:
        self._channel.post(commands.PRODUCER_CLOSE, self._path, CloseProducerRequest(producer_id=self.id))

    def _event_handlers(self) -> Mapping[str, Callable[..., None]]:
        return {
            "score": self._on_score,
            "videoorientationchange": self._on_video_orientation_change,
            "trace": self._on_trace,
        }

    def _on_score(self, score: list[ProducerScore]) -> None:
        self._score = score
        self._tell("score", score)

    def _on_video_orientation_change(self, orientation: VideoOrientation) -> None:
        self._tell("videoorientationchange", orientation)

    def _on_trace(self, trace: Trace) -> None:
        self._tell("trace", trace)
