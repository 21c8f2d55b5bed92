"""Reads this node's inbox: letters of other nodes, each of them once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from miso.cluster.directory.redis.connection import RedisConnection
from miso.cluster.directory.redis.failure import judge
from miso.cluster.directory.redis.inbox import Letter, decode_letter, letter_in
from miso.cluster.directory.redis.keys import inbox
from miso.cluster.errors import ParseError, UnknownKindError

logger = logging.getLogger(__name__)

AGAIN_S: Final = 0.25
"""So long it waits after a failure."""
MAX_WRITERS: Final = 8192
"""Of so many nodes it is known which letter came last."""
BEGINNING: Final = b"0-0"


class Mailbox:
    """The inbox of one node.

    Attributes:
        position: What was read last.
    """

    def __init__(
        self, connection: RedisConnection, node: str, refused: Counter[str], hear: Callable[[Letter], None]
    ) -> None:
        """Nothing is read yet.

        Args:
            connection: To Redis.
            node: Whose inbox it is.
            refused: Where it is counted what is not believed.
            hear: Gets each letter.
        """
        self.position = BEGINNING
        self._connection = connection
        self._node = node
        self._inbox = inbox(node)
        self._refused = refused
        self._hear = hear
        self._last: dict[str, int] = {}  # by node: the number of the letter that came last

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                entries = await self._connection.read(self._inbox, self.position)
            except Exception as error:  # noqa: BLE001  whatever redis-py meets in what a broken server sends it
                logger.debug("the inbox cannot be read: %s", judge(error).text)
                self.position = BEGINNING  # perhaps it is another server now; what is left there is taken once
                await asyncio.sleep(AGAIN_S)
                continue
            for position, fields in entries:
                self.position = position
                data = letter_in(fields)
                if data is not None:
                    self.take(data)

    def take(self, data: bytes) -> None:
        """One entry of the inbox."""
        try:
            letter = decode_letter(data)
        except UnknownKindError:
            self._refused["newer version"] += 1
            return
        except ParseError:
            self._refused["no letter"] += 1
            return
        if letter.node == self._node:
            self._refused["another node's letter"] += 1
            return
        if letter.n <= self._last.get(letter.node, -1):
            return
        if len(self._last) >= MAX_WRITERS:
            self._last.clear()
        self._last[letter.node] = letter.n
        self._hear(letter)

    def forget(self, node: str) -> None:
        """That node is no more."""
        self._last.pop(node, None)
