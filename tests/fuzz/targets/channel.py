"""The channel's stream: frames of both dialects, cut at a place that the input itself chooses."""

from __future__ import annotations

import orjson

from miso.worker.channel.codec import RequestError, parse_request
from miso.worker.channel.framing import MAX_BODY_SIZE, FrameReader, OversizeFrame, frame
from miso.worker.errors import BodyError, CommandError, ParseError

DOCUMENTED = (ParseError, RequestError, BodyError, CommandError)
SEEDS = [
    frame(b"1:worker.dump:undefined:undefined") + frame(b'2:worker.createRouter:undefined:{"routerId":"r"}'),
    frame(b'{"id":1,"method":"worker.createRouter","internal":{"routerId":"r"}}')
    + frame(b'{"id":2,"method":"transport.close","internal":{"routerId":"r","transportId":"t"}}'),
    frame(b'3:transport.setMaxIncomingBitrate:t:{"bitrate":100000}'),
    frame(b'4:transport.enableTraceEvent:t:{"types":["bwe"]}'),
    (MAX_BODY_SIZE + 1).to_bytes(4, "little") + b"too much",
]


def run(data: bytes) -> None:
    """Every frame becomes a request or one of the documented errors, whatever comes after it."""
    reader = FrameReader()
    cut = data[0] if data else 0
    bodies = [*reader.feed(data[:cut]), *reader.feed(data[cut:])]
    assert bodies == list(FrameReader().feed(data))
    refused: Exception | None = None
    for body in bodies:
        try:
            if not isinstance(body, OversizeFrame):
                parse_request(body).body()
        except DOCUMENTED as error:
            refused = error
    if isinstance(refused, RequestError):
        assert orjson.loads(refused.frame)["error"] in ("Error", "TypeError")
    if refused is not None:
        raise refused
