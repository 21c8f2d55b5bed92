"""Which command closes what another has created, on its owner's wish or when nobody waits for it any more.

The worker handles what it is asked in order. So the closing request may follow the creating one at once, whether that
is answered or not; if nothing was created, the worker refuses it and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miso.worker.channel import commands
from miso.worker.channel.commands import Command

_CLOSE_OF: dict[Command[Any, Any], Command[Any, None]] = {
    commands.WORKER_CREATE_WEB_RTC_SERVER: commands.WEB_RTC_SERVER_CLOSE,
    commands.WORKER_CREATE_ROUTER: commands.ROUTER_CLOSE,
    commands.ROUTER_CREATE_WEB_RTC_TRANSPORT: commands.TRANSPORT_CLOSE,
    commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER: commands.TRANSPORT_CLOSE,
    commands.ROUTER_CREATE_PLAIN_TRANSPORT: commands.TRANSPORT_CLOSE,
    commands.ROUTER_CREATE_PIPE_TRANSPORT: commands.TRANSPORT_CLOSE,
    commands.ROUTER_CREATE_DIRECT_TRANSPORT: commands.TRANSPORT_CLOSE,
    commands.ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER: commands.RTP_OBSERVER_CLOSE,
    commands.ROUTER_CREATE_AUDIO_LEVEL_OBSERVER: commands.RTP_OBSERVER_CLOSE,
    commands.TRANSPORT_PRODUCE: commands.PRODUCER_CLOSE,
    commands.TRANSPORT_CONSUME: commands.CONSUMER_CLOSE,
    commands.TRANSPORT_PRODUCE_DATA: commands.DATA_PRODUCER_CLOSE,
    commands.TRANSPORT_CONSUME_DATA: commands.DATA_CONSUMER_CLOSE,
}


def closing_body(close: Command[Any, None], object_id: str) -> object:
    """The body of a closing command: its one field is the id, whatever that is called."""
    (field,) = close.request.__struct_fields__
    return close.request(**{field: object_id})


def undoing(
    command: Command[Any, Any], path: Mapping[str, str], body: object
) -> tuple[Command[Any, Any], dict[str, str], object] | None:
    """The request that closes what another one creates: command, path and body; None if it creates nothing."""
    close = _CLOSE_OF.get(command)
    if close is None:
        return None
    (field,) = close.request.__struct_fields__
    object_id: str = getattr(body, field)
    return close, {**path, close.ids[0]: object_id}, closing_body(close, object_id)
