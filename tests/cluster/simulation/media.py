"""What a simulated participant sends."""

from __future__ import annotations

from typing import Any, Literal

from miso.controller.emitter import Emitter
from miso.controller.types import ProducerScore, RtpParameters, SctpStreamParameters
from tests.cluster.said import RTP, SCTP


class SimProducer:
    """A producer or data producer without media."""

    kind: Literal["audio", "video"] = "audio"
    type: Literal["simple"] = "simple"
    label = "chat"
    protocol = ""

    def __init__(self, source: str) -> None:
        self.id = source
        self.paused = False
        self.closed = False
        self.observer = Emitter()
        self.app_data: dict[str, Any] = {}
        self.score: list[ProducerScore] = []

    @property
    def consumable_rtp_parameters(self) -> RtpParameters:
        return RTP

    @property
    def sctp_stream_parameters(self) -> SctpStreamParameters:
        return SCTP

    def pause(self, *, paused: bool) -> None:
        """It is paused, or goes on."""
        if self.paused != paused and not self.closed:
            self.paused = paused
            self.observer.emit("pause" if paused else "resume")

    def close(self) -> None:
        """It ends."""
        if not self.closed:
            self.closed = True
            self.observer.emit("close")
