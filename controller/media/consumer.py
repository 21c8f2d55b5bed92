"""A consumer: what one transport sends of a producer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from miso.controller.entity import Entity
from miso.controller.media.producer import ProducerTraceEventType
from miso.controller.process.channel import Channel
from miso.controller.types import (
    AppData,
    ConsumerDump,
    ConsumerLayers,
    ConsumerScore,
    MediaKind,
    RtpParameters,
    RtpStreamStats,
    Trace,
)
from miso.worker.channel import commands
from miso.worker.channel.bodies.base import RtpType
from miso.worker.channel.bodies.consumer import SetPriorityRequest
from miso.worker.channel.bodies.transport import CloseConsumerRequest, ConsumeResponse, EnableTraceEventRequest


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
    """

    _KIND = "consumer"

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        producer_id: str,
        kind: MediaKind,
        type: RtpType,
        rtp_parameters: RtpParameters,
        state: ConsumeResponse,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self._producer_id = producer_id
        self._kind = kind
        self._type = type
        self._rtp_parameters = rtp_parameters
        self._paused = state.paused
        self._producer_paused = state.producer_paused
        self._score = state.score
        self._preferred_layers = state.preferred_layers
        self._current_layers: ConsumerLayers | None = None
        self._priority = 1

    @property
    def producer_id(self) -> str:
        """The producer it consumes."""
        return self._producer_id

    @property
    def kind(self) -> MediaKind:
        """Audio or video."""
        return self._kind

    @property
    def type(self) -> RtpType:
        """The producer's type, or ``pipe``."""
        return self._type

    @property
    def rtp_parameters(self) -> RtpParameters:
        """What it sends: what the remote side must expect."""
        return self._rtp_parameters

    @property
    def paused(self) -> bool:
        """Whether it is paused itself, whatever its producer is."""
        return self._paused

    @property
    def producer_paused(self) -> bool:
        """Whether its producer is paused."""
        return self._producer_paused

    @property
    def priority(self) -> int:
        """How early it is served when bandwidth is short, 1 to 255."""
        return self._priority

    @property
    def score(self) -> ConsumerScore:
        """How well its stream, and the producer's, arrive, 0 to 10."""
        return self._score

    @property
    def preferred_layers(self) -> ConsumerLayers | None:
        """The layers it is to send at most (simulcast and svc)."""
        return self._preferred_layers

    @property
    def current_layers(self) -> ConsumerLayers | None:
        """The layers it sends (simulcast and svc)."""
        return self._current_layers

    def close(self) -> None:
        """Closes it."""
        self._end(None)

    def transport_closed(self) -> None:
        """For its transport, which closed."""
        self._end("transportclose")

    async def dump(self) -> ConsumerDump:
        """The worker's view of it."""
        return await self._request(commands.CONSUMER_DUMP)

    async def get_stats(self) -> list[RtpStreamStats]:
        """Statistics of its stream, and of the producer's stream behind it."""
        return await self._request(commands.CONSUMER_GET_STATS)

    async def pause(self) -> None:
        """Sends nothing from now on."""
        was_paused = self._paused or self._producer_paused
        await self._request(commands.CONSUMER_PAUSE)
        self._paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Sends again, video from the next key frame on (which is asked for)."""
        was_paused = self._paused or self._producer_paused
        await self._request(commands.CONSUMER_RESUME)
        self._paused = False
        if was_paused and not self._producer_paused:
            self.observer.emit("resume")

    async def set_preferred_layers(self, spatial_layer: int, temporal_layer: int | None = None) -> None:
        """Sets the layers to send at most (simulcast and svc); all temporal ones by default."""
        self._preferred_layers = await self._request(
            commands.CONSUMER_SET_PREFERRED_LAYERS,
            ConsumerLayers(spatial_layer=spatial_layer, temporal_layer=temporal_layer),
        )

    async def set_priority(self, priority: int) -> None:
        """Sets how early it is served when bandwidth is short, 1 (default) to 255."""
        answer = await self._request(commands.CONSUMER_SET_PRIORITY, SetPriorityRequest(priority=priority))
        self._priority = answer.priority

    async def unset_priority(self) -> None:
        """Sets the priority back to 1."""
        await self.set_priority(1)

    async def request_key_frame(self) -> None:
        """Asks the producer for a key frame."""
        await self._request(commands.CONSUMER_REQUEST_KEY_FRAME)

    async def enable_trace_event(self, types: Iterable[ProducerTraceEventType] = ()) -> None:
        """Chooses the kinds of ``trace`` events; none turns them off."""
        await self._request(commands.CONSUMER_ENABLE_TRACE_EVENT, EnableTraceEventRequest(types=list(types)))

    def _close_in_worker(self) -> None:
        self._channel.post(commands.CONSUMER_CLOSE, self._path, CloseConsumerRequest(consumer_id=self.id))

    def _event_handlers(self) -> Mapping[str, Callable[..., None]]:
        return {
            "producerclose": self._on_producer_close,
            "producerpause": self._on_producer_pause,
            "producerresume": self._on_producer_resume,
            "score": self._on_score,
            "layerschange": self._on_layers_change,
            "trace": self._on_trace,
            "rtp": self._on_rtp,
        }

    def _on_producer_close(self) -> None:
        self._end("producerclose")

    def _on_producer_pause(self) -> None:
        if self._producer_paused:
            return
        self._producer_paused = True
        self.emit("producerpause")
        if not self._paused:
            self.observer.emit("pause")

    def _on_producer_resume(self) -> None:
        if not self._producer_paused:
            return
        self._producer_paused = False
        self.emit("producerresume")
        if not self._paused:
            self.observer.emit("resume")

    def _on_score(self, score: ConsumerScore) -> None:
        self._score = score
        self._tell("score", score)

    def _on_layers_change(self, layers: ConsumerLayers | None) -> None:
        self._current_layers = layers
        self._tell("layerschange", layers)

    def _on_trace(self, trace: Trace) -> None:
        self._tell("trace", trace)

    def _on_rtp(self, packet: bytes) -> None:
        self.emit("rtp", packet)
