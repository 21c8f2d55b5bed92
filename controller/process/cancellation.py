"""What is closed when nobody waits any more for what was to be created.

The worker handles what it is asked in order. So the closing request follows the creating one at once, whether that is
answered or not; if nothing was created, the worker refuses it and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CloseRtpObserverRequest, CloseTransportRequest
from miso.worker.channel.bodies.transport import (
    CloseConsumerRequest,
    CloseDataConsumerRequest,
    CloseDataProducerRequest,
    CloseProducerRequest,
)
from miso.worker.channel.bodies.worker import CloseRouterRequest, CloseWebRtcServerRequest
from miso.worker.channel.commands import Command

# what creates → what closes, its body, the name of the id in paths
_CLOSING: dict[Command[Any, Any], tuple[Command[Any, Any], type[Any], str]] = {
    commands.WORKER_CREATE_WEB_RTC_SERVER: (commands.WEB_RTC_SERVER_CLOSE, CloseWebRtcServerRequest, "webRtcServerId"),
    commands.WORKER_CREATE_ROUTER: (commands.ROUTER_CLOSE, CloseRouterRequest, "routerId"),
    **dict.fromkeys(
        (
            commands.ROUTER_CREATE_WEB_RTC_TRANSPORT,
            commands.ROUTER_CREATE_WEB_RTC_TRANSPORT_WITH_SERVER,
            commands.ROUTER_CREATE_PLAIN_TRANSPORT,
            commands.ROUTER_CREATE_PIPE_TRANSPORT,
            commands.ROUTER_CREATE_DIRECT_TRANSPORT,
        ),
        (commands.TRANSPORT_CLOSE, CloseTransportRequest, "transportId"),
    ),
    **dict.fromkeys(
        (commands.ROUTER_CREATE_ACTIVE_SPEAKER_OBSERVER, commands.ROUTER_CREATE_AUDIO_LEVEL_OBSERVER),
        (commands.RTP_OBSERVER_CLOSE, CloseRtpObserverRequest, "rtpObserverId"),
    ),
    commands.TRANSPORT_PRODUCE: (commands.PRODUCER_CLOSE, CloseProducerRequest, "producerId"),
    commands.TRANSPORT_CONSUME: (commands.CONSUMER_CLOSE, CloseConsumerRequest, "consumerId"),
    commands.TRANSPORT_PRODUCE_DATA: (commands.DATA_PRODUCER_CLOSE, CloseDataProducerRequest, "dataProducerId"),
    commands.TRANSPORT_CONSUME_DATA: (commands.DATA_CONSUMER_CLOSE, CloseDataConsumerRequest, "dataConsumerId"),
}


def undoing(
    command: Command[Any, Any], path: Mapping[str, str], body: object
) -> tuple[Command[Any, Any], dict[str, str], object] | None:
    """The request that closes what another one creates: command, path and body; None if it creates nothing."""
    closing = _CLOSING.get(command)
    if closing is None:
        return None
    close, close_body, id_name = closing
    (field,) = close_body.__struct_fields__
    object_id: str = getattr(body, field)
    return close, {**path, id_name: object_id}, close_body(**{field: object_id})
