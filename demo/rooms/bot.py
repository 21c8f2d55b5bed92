"""A room's bot: answers everybody who writes to it, over data channels and a direct transport of the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from miso.controller import ControllerError, DataProducer, DirectTransport, Router
from miso.demo.limits.limiters import Places, TokenBucket
from miso.demo.limits.per_client import MAX_IGNORED_WORDS

logger = logging.getLogger(__name__)

BOT_LABEL = "bot"
"""The label of the data channels to the bot and from it."""

MAX_MESSAGE_SIZE_BYTES = 512
"""The worker drops messages to the bot that are longer."""

TEXT_PPID = 51
"""SCTP payload protocol identifier of a text message that is not empty (RFC 8831 section 8)."""


class Writer(Protocol):
    """Who writes to the bot."""

    words_to_bot: TokenBucket

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def room_id(self) -> str:
        """Its room's name."""

    @property
    def display_name(self) -> str | None:
        """What it is called."""

    def refused(self, limit: str) -> None:
        """Told that it has met a limit."""


class Bot:
    """Reads what peers send on channels labelled ``bot``, and answers to the whole room.

    Each shard of a room has one, which ends with its router; what one answers, all of them say.

    Attributes:
        data_producer: What it says; each peer has a data consumer of its shard's.
    """

    def __init__(self, transport: DirectTransport, data_producer: DataProducer, answer: Callable[[str], None]) -> None:
        self._transport = transport
        self.data_producer = data_producer
        self._say_everywhere = answer

    @classmethod
    async def create(cls, router: Router, answer: Callable[[str], None]) -> Bot:
        """Makes the bot of a shard.

        Args:
            router: The shard's.
            answer: Says something to the whole room, over this bot, too.

        Raises:
            ControllerError: The worker cannot.
        """
        transport = await router.create_direct_transport(max_message_size=MAX_MESSAGE_SIZE_BYTES)
        return cls(transport, await transport.produce_data(label=BOT_LABEL), answer)

    def say(self, text: str) -> None:
        """Says something to everybody on its shard."""
        try:
            self.data_producer.send(text)
        except ControllerError as error:  # it ends at this moment, or its worker is behind
            logger.debug("the bot cannot speak: %s", error)

    async def listen_to(self, session: Writer, data_producer: DataProducer) -> None:
        """Answers from now on what a peer sends over one of its data producers, unless it sends too much.

        Raises:
            ControllerError: The worker cannot, or the data producer has closed.
        """
        data_consumer = await self._transport.consume_data(data_producer_id=data_producer.id)
        left = Places(MAX_IGNORED_WORDS)

        def hear(message: bytes, ppid: int) -> None:
            if session.words_to_bot.take(asyncio.get_running_loop().time()):
                self._answer(session, message, ppid)
                return
            session.refused("words_to_bot")
            if not left.take():
                data_consumer.close()

        data_consumer.on("message", hear)

    def _answer(self, session: Writer, message: bytes, ppid: int) -> None:
        if ppid != TEXT_PPID:
            logger.debug("room=%s peer=%s sent the bot something other than text", session.room_id, session.id)
            return
        self._say_everywhere(f'{session.display_name or "Somebody"} said me: "{message.decode(errors="replace")}"')
