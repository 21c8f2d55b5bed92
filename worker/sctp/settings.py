"""What an association is made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """``Association`` explains them."""

    local_port: int
    remote_port: int
    max_message_size: int
    outbound_streams: int
    inbound_streams: int
    is_data_channel: bool
    random: Callable[[int], bytes]
    interleaving: bool
