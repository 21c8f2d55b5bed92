"""What observes the loudness of producers: the part that all such observers share."""

from __future__ import annotations

from collections.abc import Mapping

from miso.controller.entity import Pausable
from miso.controller.process.channel import Channel
from miso.controller.router_view import RouterView
from miso.controller.types import AppData
from miso.worker.channel import commands
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest


class RtpObserver(Pausable):
    """Observes producers of a router.

    Events:
        routerclose(): Its router closed, and it with it.

    Observer events: close, pause, resume, addproducer(Producer), removeproducer(Producer).

    Attributes:
        paused: Whether it observes, and emits, nothing.
    """

    _CLOSE = commands.RTP_OBSERVER_CLOSE
    _PAUSE = commands.RTP_OBSERVER_PAUSE
    _RESUME = commands.RTP_OBSERVER_RESUME

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        *,
        router: RouterView,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self._router = router

    async def add_producer(self, producer_id: str) -> None:
        """Observes a producer, too.

        Raises:
            NotFoundError: The router has no such producer.
        """
        producer = self._router.producer(producer_id)
        await self._request(commands.RTP_OBSERVER_ADD_PRODUCER, ObservedProducerRequest(producer_id=producer_id))
        self.observer.emit("addproducer", producer)

    async def remove_producer(self, producer_id: str) -> None:
        """Does not observe a producer any more.

        Raises:
            NotFoundError: The router has no such producer.
        """
        producer = self._router.producer(producer_id)
        await self._request(commands.RTP_OBSERVER_REMOVE_PRODUCER, ObservedProducerRequest(producer_id=producer_id))
        self.observer.emit("removeproducer", producer)
