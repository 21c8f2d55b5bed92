"""The payload channel's stream: pairs of header and payload, in both dialects."""

from __future__ import annotations

from miso.worker.channel.codec import RequestError, parse_payload_header
from miso.worker.channel.framing import OversizeFrame, PairReader, frame
from miso.worker.errors import BodyError, CommandError, ParseError

DOCUMENTED = (ParseError, RequestError, BodyError, CommandError)
SEEDS = [
    frame(header) + frame(b"payload")
    for header in (
        b"n:dataProducer.send:d:51",
        b"n:producer.send:p:undefined",
        b"r:8:dataConsumer.send:d:53",
        b'{"event":"dataProducer.send","internal":{"dataProducerId":"d"},"data":{"ppid":51}}',
        b'{"id":8,"method":"dataConsumer.send","internal":{"dataConsumerId":"d"},"data":{"ppid":53}}',
        b'{"event":"transport.sendRtcp","internal":{"transportId":"t"}}',
    )
]


def run(data: bytes) -> None:
    """Every header becomes a message or one of the documented errors."""
    refused: Exception | None = None
    for header, _ in PairReader().feed(data):
        try:
            if not isinstance(header, OversizeFrame):
                parse_payload_header(header).body()
        except DOCUMENTED as error:
            refused = error
    if refused is not None:
        raise refused
