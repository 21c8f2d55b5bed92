"""A producer: one media source that a transport feeds into its router."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Literal

from miso.controller.entity import Pausable
from miso.controller.process.channel import Channel
from miso.controller.types import AppData, ProducerDump, ProducerScore, RtpParameters, RtpStreamStats
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import RtpType
from miso.worker.channel.bodies.transport import EnableTraceEventRequest, ProduceRequest

ProducerTraceEventType = Literal["rtp", "keyframe", "nack", "pli", "fir"]
"""What a producer or consumer can be traced for."""


class Producer(Pausable):
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
    _PAUSE = commands.PRODUCER_PAUSE
    _RESUME = commands.PRODUCER_RESUME

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        request: ProduceRequest,
        type: RtpType,
        consumable_rtp_parameters: RtpParameters,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data, paused=request.paused)
        self.kind: Final = request.kind
        self.type: Final = type
        self.rtp_parameters: Final = request.rtp_parameters
        self.consumable_rtp_parameters: Final = consumable_rtp_parameters
        self.score: list[ProducerScore] = []

    async def dump(self) -> ProducerDump:
        """The worker's view of it."""
        return await self._request(commands.PRODUCER_DUMP)

    async def get_stats(self) -> list[RtpStreamStats]:
        """Statistics of its streams."""
        return await self._request(commands.PRODUCER_GET_STATS)

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
