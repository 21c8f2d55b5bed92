"""A consumer: what one transport sends of a producer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from miso.controller.entity import Entity
from miso.controller.media.producer import ProducerTraceEventType
from miso.controller.process.channel import Channel
from miso.controller.types import (
    AppData,
    ConsumerDump,
    ConsumerLayers,
    ConsumerScore,
    RtpStreamStats,
)
from miso.worker.channel import commands
from miso.worker.channel.bodies.consumer import SetPriorityRequest
from miso.worker.channel.bodies.transport import ConsumeRequest, ConsumeResponse, EnableTraceEventRequest


class Consumer(Entity):
    """What a transport sends of a producer.

    Events:
        transportclose(): Its transport closed, and it with it.
        producerclose(): Its producer closed, and it with it.
        producerpause(), producerresume(): Its producer was paused or resumed.
        score(ConsumerScore): How well its stream, and the producer's, arrive.
        layerschange(ConsumerLayers | None): Other layers are sent (None: nothing is).
        trace(Trace): What ``enable_trace_event`` asked for.
        rtp(bytes): A packet, if it is of a direct transport.

    Observer events: close, pause, resume, score, layerschange, trace.

    Attributes:
        producer_id: The producer it consumes.
        kind: Audio or video.
        type: The producer's type, or ``pipe``.
        rtp_parameters: What it sends: what the remote side must expect.
        paused: Whether it is paused itself, whatever its producer is.
        producer_paused: Whether its producer is paused.
        priority: How early it is served when bandwidth is short, 1 to 255.
        score: How well its stream, and the producer's, arrive, 0 to 10.
        preferred_layers: The layers it is to send at most (simulcast and svc).
        current_layers: The layers it sends (simulcast and svc).
    """

    _KIND = "consumer"
    _CLOSE = commands.CONSUMER_CLOSE

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        request: ConsumeRequest,
        state: ConsumeResponse,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self.producer_id: Final = request.producer_id
        self.kind: Final = request.kind
        self.type: Final = request.type
        self.rtp_parameters: Final = request.rtp_parameters
        self.paused = state.paused
        self.producer_paused = state.producer_paused
        self.score = state.score
        self.preferred_layers = state.preferred_layers
        self.current_layers: ConsumerLayers | None = None
        self.priority = 1

    async def dump(self) -> ConsumerDump:
        """The worker's view of it."""
        return await self._request(commands.CONSUMER_DUMP)

    async def get_stats(self) -> list[RtpStreamStats]:
        """Statistics of its stream, and of the producer's stream behind it."""
        return await self._request(commands.CONSUMER_GET_STATS)

    async def pause(self) -> None:
        """Sends nothing from now on."""
        was_paused = self.paused or self.producer_paused
        await self._request(commands.CONSUMER_PAUSE)
        self.paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Sends again, video from the next key frame on (which is asked for)."""
        was_paused = self.paused or self.producer_paused
        await self._request(commands.CONSUMER_RESUME)
        self.paused = False
        if was_paused and not self.producer_paused:
            self.observer.emit("resume")

    async def set_preferred_layers(self, spatial_layer: int, temporal_layer: int | None = None) -> None:
        """Sets the layers to send at most (simulcast and svc); all temporal ones by default."""
        self.preferred_layers = await self._request(
            commands.CONSUMER_SET_PREFERRED_LAYERS,
            ConsumerLayers(spatial_layer=spatial_layer, temporal_layer=temporal_layer),
        )

    async def set_priority(self, priority: int) -> None:
        """Sets how early it is served when bandwidth is short, 1 (default) to 255."""
        answer = await self._request(commands.CONSUMER_SET_PRIORITY, SetPriorityRequest(priority=priority))
        self.priority = answer.priority

    async def unset_priority(self) -> None:
        """Sets the priority back to 1."""
        await self.set_priority(1)

    async def request_key_frame(self) -> None:
        """Asks the producer for a key frame."""
        await self._request(commands.CONSUMER_REQUEST_KEY_FRAME)

    async def enable_trace_event(self, types: Iterable[ProducerTraceEventType] = ()) -> None:
        """Chooses the kinds of ``trace`` events; none turns them off."""
        await self._request(commands.CONSUMER_ENABLE_TRACE_EVENT, EnableTraceEventRequest(types=list(types)))

    def _event_handlers(self) -> Mapping[str, Callable[..., object]]:
        return {
            "producerclose": partial(self.closed_by, "producerclose"),
            "producerpause": self._on_producer_pause,
            "producerresume": self._on_producer_resume,
            "score": self._on_score,
            "layerschange": self._on_layers_change,
            "trace": partial(self._tell, "trace"),
            "rtp": partial(self.emit, "rtp"),
        }

    def _on_producer_pause(self) -> None:
        if self.producer_paused:
            return
        self.producer_paused = True
        self.emit("producerpause")
        if not self.paused:
            self.observer.emit("pause")

    def _on_producer_resume(self) -> None:
        if not self.producer_paused:
            return
        self.producer_paused = False
        self.emit("producerresume")
        if not self.paused:
            self.observer.emit("resume")

    def _on_score(self, score: ConsumerScore) -> None:
        self.score = score
        self._tell("score", score)

    def _on_layers_change(self, layers: ConsumerLayers | None) -> None:
        self.current_layers = layers
        self._tell("layerschange", layers)
