"""What a room shows of whoever is in it, be it a peer with a connection or a broadcaster without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from miso.controller import DataProducer, Producer
from miso.demo.json import Json


class Participant(Protocol):
    """Somebody whom the others see, and whose media and data they are offered."""

    @property
    def id(self) -> str:
        """How the others name it."""

    @property
    def info(self) -> Json:
        """How it is shown to the others."""

    @property
    def producers(self) -> Mapping[str, Producer]:
        """What media it sends, by id."""

    @property
    def data_producers(self) -> Mapping[str, DataProducer]:
        """What data it sends, by id."""
