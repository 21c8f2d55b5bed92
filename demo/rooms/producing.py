"""Limits what a peer produces, media or data: all others are told of it, so not too much and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from miso.controller import DataProducer, Producer
from miso.demo.limits.limiters import Places, TokenBucket
from miso.demo.limits.per_client import MAX_TOLD_BYTES_OF_PEER, PRODUCES_BURST, PRODUCES_PER_S, TOO_LARGE, TOO_MANY
from miso.protoo import RequestError

Source = TypeVar("Source", Producer, DataProducer)


class Producing:
    """One peer's producers and data producers in the making.

    Args:
        refused: Told the name of the limit that is met.
    """

    def __init__(self, refused: Callable[[str], None]) -> None:
        self._refused = refused
        self._told = Places(MAX_TOLD_BYTES_OF_PEER)
        self._often = TokenBucket(PRODUCES_PER_S, PRODUCES_BURST, asyncio.get_running_loop().time())

    async def make(self, told_bytes: int, making: Coroutine[Any, Any, Source]) -> Source:
        """Makes something that every other peer is told of, unless the peer has told them too much, or too often.

        Args:
            told_bytes: What the others are told of it.
            making: Makes it.

        Raises:
            RequestError: It was too much.
        """
        try:
            if not self._often.take(asyncio.get_running_loop().time()):
                self._refused("produces")
                raise RequestError(TOO_MANY, "too many producers in a short time")
            if not self._told.take(told_bytes):
                self._refused("told_bytes")
                reason = f"all that a peer tells the others must not be larger than {MAX_TOLD_BYTES_OF_PEER} bytes"
                raise RequestError(TOO_LARGE, reason)
        except RequestError:
            making.close()
            raise
        try:
            made = await making
        except BaseException:
            self._told.give_back(told_bytes)
            raise
        if made.closed:  # its transport closed meanwhile
            self._told.give_back(told_bytes)
            raise RequestError(500, "the transport has closed")
        made.observer.once("close", lambda: self._told.give_back(told_bytes))
        return made
