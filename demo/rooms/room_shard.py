"""A room's part in one media worker: its router, and who answers and listens there."""

from __future__ import annotations

import logging
from collections.abc import Callable

from miso.cluster.directory.directory import Entry
from miso.cluster.facts import Volume
from miso.cluster.room_facts import RoomFacts
from miso.cluster.shard.settings import ShardSettings
from miso.cluster.shard.shard import Shard
from miso.cluster.speakers import MAX_LOUD
from miso.controller import (
    ActiveSpeakerObserver,
    ActiveSpeakerObserverDominantSpeaker,
    AudioLevelObserver,
    AudioLevelObserverVolume,
    ControllerError,
    InvalidStateError,
    Producer,
    Router,
    Worker,
)
from miso.demo.rooms.bot import Bot
from miso.demo.workers.media_workers import MediaWorkers, RoomMedia

logger = logging.getLogger(__name__)


class RoomShard(Shard):
    """One router of a room, with what every part of a room has.

    Attributes:
        media: The worker's.
        bot: Who answers on the data channel labelled ``bot``.
        participants: Who has its media here, by id; those who are on the way to it, too.
        views: How many look at the room from here who are not in it.
    """

    def __init__(
        self,
        shard_id: str,
        facts: RoomFacts,
        entry: Entry,
        settings: ShardSettings,
        parts: Parts,
        on_died: Callable[[RoomShard], None],
    ) -> None:
        super().__init__(shard_id, parts.media.router, facts, entry, settings=settings, on_closed=lambda: on_died(self))
        self.media = parts.media
        self.bot = parts.bot
        self.participants: set[str] = set()
        self.views = 0
        self._observers = parts.observers

    @property
    def worker(self) -> Worker:
        """Where it is."""
        return self.media.worker

    def listen(self, on_loud: Callable[[list[Volume]], None], on_leader: Callable[[str], None]) -> None:
        """Tells from now on who is loud here, and who leads; nobody is loud: silence."""
        levels, dominance = self._observers

        def loud(volumes: list[AudioLevelObserverVolume]) -> None:
            on_loud([Volume(owner, one.volume) for one in volumes if (owner := _owner(one.producer))])

        def leads(speaker: ActiveSpeakerObserverDominantSpeaker) -> None:
            if owner := _owner(speaker.producer):
                on_leader(owner)

        levels.on("volumes", loud)
        levels.on("silence", lambda: on_loud([]))
        dominance.on("dominantspeaker", leads)

    async def listen_to(self, producer: Producer) -> None:
        """Listens to one more microphone that arrives here, until it closes."""
        for observer in self._observers:
            try:
                await observer.add_producer(producer.id)
            except ControllerError as error:  # the producer may have closed meanwhile
                logger.debug("producer=%s is not observed: %s", producer.id, error)


class Parts:
    """What a shard is made of: a router in a worker, the bot and the observers in it.

    Attributes:
        media: The worker's.
        bot: The bot.
        observers: Who listens for who is loud, and for who leads.
    """

    def __init__(self, media: RoomMedia, bot: Bot, observers: tuple[AudioLevelObserver, ActiveSpeakerObserver]) -> None:
        self.media = media
        self.bot = bot
        self.observers = observers

    @classmethod
    async def create(cls, workers: MediaWorkers, worker: Worker, say: Callable[[str], None]) -> Parts:
        """Makes them; the router closes when that fails.

        Args:
            workers: The media workers.
            worker: In which one.
            say: What the bot answers with, to the whole room.

        Raises:
            ControllerError: The worker cannot, or has died.
        """
        media = await workers.give_to_room(worker)
        router = media.router
        try:
            bot = await Bot.create(router, say)
            observers = await _create_observers(router)
        except BaseException:
            router.close()
            raise
        if router.closed:
            raise InvalidStateError("the room's worker has died")
        return cls(media, bot, observers)


async def _create_observers(router: Router) -> tuple[AudioLevelObserver, ActiveSpeakerObserver]:
    levels = await router.create_audio_level_observer(max_entries=MAX_LOUD, threshold=-80, interval=800)
    return levels, await router.create_active_speaker_observer()


def _owner(producer: Producer) -> str:
    """Whose producer it is, where somebody's is."""
    return str(producer.app_data.get("peerId", ""))
