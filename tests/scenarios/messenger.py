"""Who sends and receives messages over SCTP at an endpoint."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from miso.worker.sctp.association import Association
from miso.worker.sctp.events import MessageReceived, SctpState

if TYPE_CHECKING:
    from tests.scenarios.scene import Endpoint


class Messenger:
    """One association with the worker.

    Attributes:
        received: messages, in the order of coming.
        received_us: when each came.
    """

    def __init__(self, endpoint: Endpoint, seed: int = 1) -> None:
        """Begins at once."""
        self.received: list[bytes] = []
        self.received_us: list[int] = []
        self._endpoint = endpoint
        self._association = Association(
            local_port=5000,
            remote_port=5000,
            max_message_size=262_144,
            send_buffer_size=10_000_000,
            outbound_streams=16,
            inbound_streams=16,
            is_data_channel=False,
            random=random.Random(seed).randbytes,
        )
        endpoint.on_sctp = self._receive
        self._association.start(endpoint.scene.now_us)
        self._flush()

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""
        return self._association.state is SctpState.CONNECTED

    @property
    def buffered_amount(self) -> int:
        """Bytes of its messages that the worker has not acknowledged."""
        return self._association.buffered_amount

    def send(self, stream_id: int, message: bytes, *, ordered: bool = True, max_retransmits: int | None = None) -> None:
        """Sends a message."""
        self._association.send(
            stream_id,
            53,
            message,
            ordered=ordered,
            max_retransmits=max_retransmits,
            now_us=self._endpoint.scene.now_us,
        )
        self._flush()

    def tick(self) -> None:
        """Time has passed."""
        due_us = self._association.next_timer_us
        if due_us is not None and due_us <= self._endpoint.scene.now_us:
            self._association.on_timer(self._endpoint.scene.now_us)
            self._flush()

    def _receive(self, packet: bytes, now_us: int) -> None:
        self._association.receive(packet, now_us)
        self._flush()

    def _flush(self) -> None:
        for event in self._association.take_events():
            if isinstance(event, MessageReceived):
                self.received.append(event.data)
                self.received_us.append(self._endpoint.scene.now_us)
        for packet in self._association.take_packets():
            self._endpoint.to_worker.send(packet, self._endpoint.scene.now_us)
