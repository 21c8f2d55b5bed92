"""One end of a data channel: what a data producer and a data consumer have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from miso.controller.entity import Entity
from miso.controller.process.channel import Channel
from miso.controller.types import AppData
from miso.worker.channel.bodies.transport import ConsumeDataRequest, ProduceDataRequest


class DataChannelEnd(Entity):
    """Where messages come from, or go to, a remote side or the application itself.

    Attributes:
        type: ``sctp``, or ``direct`` if it is of a direct transport.
        sctp_stream_parameters: The SCTP stream of its messages; None if it is direct.
        label: The data channel's label.
        protocol: The data channel's sub-protocol.
    """

    def __init__(
        self,
        channel: Channel,
        path: Mapping[str, str],
        request: ProduceDataRequest | ConsumeDataRequest,
        app_data: AppData | None,
    ) -> None:
        super().__init__(channel, path, app_data)
        self.type: Final = request.type
        self.sctp_stream_parameters: Final = request.sctp_stream_parameters
        self.label: Final = request.label
        self.protocol: Final = request.protocol
