"""The streams that a transport's consumers send, by SSRC, as dumps show them."""

from __future__ import annotations

from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.consumer.consumer_stream import ConsumerStream


class SentStreams:
    """The SSRC tables of what is sent. Two streams may have one SSRC: the later one counts."""

    def __init__(self) -> None:
        self._by_ssrc: dict[int, ConsumerStream] = {}
        self._by_rtx_ssrc: dict[int, ConsumerStream] = {}

    def add(self, consumer: Consumer) -> None:
        """Enters the consumer's streams."""
        for stream in consumer.streams:
            self._by_ssrc[stream.ssrc] = stream
            if stream.rtx_ssrc:
                self._by_rtx_ssrc[stream.rtx_ssrc] = stream

    def remove(self, consumer: Consumer) -> None:
        """Forgets the consumer's streams."""
        for stream in consumer.streams:
            if self._by_ssrc.get(stream.ssrc) is stream:
                del self._by_ssrc[stream.ssrc]
            if self._by_rtx_ssrc.get(stream.rtx_ssrc) is stream:
                del self._by_rtx_ssrc[stream.rtx_ssrc]

    def consumer_ids(self) -> dict[str, str]:
        """By SSRC in decimal, as ``transport.dump`` shows them."""
        return _consumer_ids(self._by_ssrc)

    def rtx_consumer_ids(self) -> dict[str, str]:
        """By the SSRC of retransmissions, likewise."""
        return _consumer_ids(self._by_rtx_ssrc)


def _consumer_ids(streams: dict[int, ConsumerStream]) -> dict[str, str]:
    return {str(ssrc): stream.consumer_id for ssrc, stream in streams.items()} if streams else {}
