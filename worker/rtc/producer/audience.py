"""Who a producer tells what becomes of it: its consumers, and the observers that it was added to."""

from __future__ import annotations

from typing import Protocol

from miso.worker.rtc.producer.producer_stream import ProducerStream


class Subscriber(Protocol):
    """A consumer, as its producer sees it; maybe of another transport."""

    @property
    def active(self) -> bool:
        """Whether it forwards packets."""

    @property
    def fraction_lost(self) -> int:
        """What its receiver reported last, 0..255."""

    def awaits_key_frame_of(self, source: ProducerStream) -> bool:
        """Whether this stream, or its wanted layer, would flow if there were a key frame."""

    def producer_stream_added(self) -> None:
        """Packets of one of the producer's streams came for the first time."""

    def producer_stream_removed(self, stream: ProducerStream) -> None:
        """One of the producer's streams has ended."""

    def producer_score_changed(self) -> None:
        """One of the producer's streams fares better or worse."""

    def producer_layers_changed(self) -> None:
        """A stream or spatial layer came or ended, or can be compared with others now."""

    def producer_paused_changed(self, paused: bool) -> None:
        """The producer was paused or resumed."""

    def producer_closed(self) -> None:
        """The producer is gone."""


class Observer(Protocol):
    """What watches producers of a router."""

    id: str

    def producer_paused(self, producer_id: str) -> None:
        """A watched producer was paused."""

    def producer_resumed(self, producer_id: str) -> None:
        """A watched producer was resumed."""

    def producer_closed(self, producer_id: str) -> None:
        """A watched producer is gone."""
