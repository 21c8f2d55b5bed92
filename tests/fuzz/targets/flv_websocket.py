"""What a WebSocket player of FLV sends: a handshake's headers, then frames."""

from miso.live.errors import ParseError
from miso.live.flv_server.websocket import MAX_MESSAGE_BYTES, PlayerWebSocket

DOCUMENTED = (ParseError,)
_GOOD = (
    b"Host: localhost\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    b"Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\n\n"
)
SEEDS = [
    _GOOD + bytes.fromhex("8a80 00000000 8982 01020304 6869"),
    _GOOD + bytes.fromhex("8882 00000000 03e8"),
    _GOOD + bytes.fromhex("0181 00000000 61 8081 00000000 62"),
    b"Upgrade: websocket\nSec-WebSocket-Key: short\n\n",
]


def run(data: bytes) -> None:
    head, _, frames = data.partition(b"\n\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in head.splitlines()[:50])]
    usable = [(name, value) for name, value in headers if name.isalnum() or name.replace(b"-", b"a").isalnum()]
    websocket = PlayerWebSocket(b"/live/a.flv", usable)
    assert websocket.greeting is None or websocket.refusal is None
    if websocket.greeting is None:
        return
    for at in range(0, len(frames), 7):
        answer = websocket.receive(frames[at : at + 7])
        assert len(answer) <= MAX_MESSAGE_BYTES
        if websocket.is_closed:
            return
