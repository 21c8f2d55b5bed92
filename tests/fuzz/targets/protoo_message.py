"""protoo messages: any text frame is a message or raises MalformedMessageError."""

from __future__ import annotations

from miso.protoo.errors import MalformedMessageError
from miso.protoo.message import encode, parse

SEEDS: list[bytes] = [
    b'{"request":true,"id":4711,"method":"join","data":{"displayName":"A","device":{"flag":"chrome"}}}',
    b'{"response":true,"id":12.5,"ok":true,"data":[{"type":"inbound-rtp"},null,1e3]}',
    b'{"response":true,"id":-1,"errorCode":403,"errorReason":"I do not want to consume"}',
    b'{"notification":true,"method":"activeSpeaker","data":{"peerId":null,"volume":-40}}',
    b'{"request":{},"response":1,"notification":"x","id":0,"method":"","data":""}',
    b'[{"request":true}]',
    b"null",
]


DOCUMENTED = (MalformedMessageError,)


def run(data: bytes) -> None:
    """Parses, and sees that what was understood can be said again."""
    message = parse(data)
    said = encode(message)
    try:
        again = parse(said)
    except MalformedMessageError as error:
        raise AssertionError(f"we do not understand what we say: {said!r}") from error
    assert again == message
