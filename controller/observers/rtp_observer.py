"""What observes the loudness of producers: the part that all such observers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from miso.controller.entity import Entity
from miso.controller.errors import NotFoundError
from miso.controller.media.producer import Producer
from miso.controller.process.channel import Channel
from miso.controller.types import AppData
from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CloseRtpObserverRequest
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest


class RtpObserver(Entity):
    """Observes producers of a router.

    Events:
        routerclose(): Its router closed, and it with it.

    Observer events: close, pause, resume, addproducer(Producer), removeproducer(Producer).
    """

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        get_producer: Callable[[str], Producer | None],
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self._get_producer = get_producer
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused

    def close(self) -> None:
        """Closes it."""
        self._end(None)

    def router_closed(self) -> None:
        """For its router, which closed."""
        self._end("routerclose")

    async def pause(self) -> None:
        """Stops observing; nothing is emitted."""
        was_paused = self._paused
        await self._request(commands.RTP_OBSERVER_PAUSE)
        self._paused = True
        if not was_paused:
            self.observer.emit("pause")

    async def resume(self) -> None:
        """Observes again."""
        was_paused = self._paused
        await self._request(commands.RTP_OBSERVER_RESUME)
        self._paused = False
        if was_paused:
            self.observer.emit("resume")

    async def add_producer(self, producer_id: str) -> None:
        """Observes a producer, too.

        Raises:
            NotFoundError: The router has no such producer.
        """
        producer = self._producer(producer_id)
        await self._request(commands.RTP_OBSERVER_ADD_PRODUCER, ObservedProducerRequest(producer_id=producer_id))
        self.observer.emit("addproducer", producer)

    async def remove_producer(self, producer_id: str) -> None:
        """Does not observe a producer any more.

        Raises:
            NotFoundError: The router has no such producer.
        """
        producer = self._producer(producer_id)
        await self._request(commands.RTP_OBSERVER_REMOVE_PRODUCER, ObservedProducerRequest(producer_id=producer_id))
        self.observer.emit("removeproducer", producer)

    def _producer(self, producer_id: str) -> Producer:
        producer = self._get_producer(producer_id)
        if producer is None:
            raise NotFoundError(f'Producer with id "{producer_id}" not found')
        return producer

    def _close_in_worker(self) -> None:
        self._channel.post(commands.RTP_OBSERVER_CLOSE, self._path, CloseRtpObserverRequest(rtp_observer_id=self.id))
