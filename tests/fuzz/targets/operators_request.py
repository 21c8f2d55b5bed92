"""What operators send: relays to begin and to end as JSON, and which of the history they want as a query."""

from starlette.requests import Request

from miso.live.operators.answers import WrongRequestError, parse_body
from miso.live.relay.routes import BeginRequest, EndRequest
from miso.live.rtmp.url import read_url
from miso.live.statistics.history import MAX_PAGE_SIZE, read_query
from miso.live.streams.registry import check_path

DOCUMENTED = (WrongRequestError,)
# The first byte chooses what it is.
SEEDS = [
    b'\0{"url": "rtmp://host/live/a", "streamPath": "/live/a"}',
    b'\0{"mode": "push", "url": "rtmps://u:p@[::1]:1/a/b/c?k=v", "streamPath": "a", "reconnect": false}',
    b'\0{"url": "rtmp://h/a/b", "streamPath": "a/b", "reconnectInterval": 500, "maxReconnectAttempts": 3}',
    b'\1{"taskKey": "push:0123"}',
    b'\1{"mode": "push", "url": "rtmp://host/live/a", "streamPath": "/live/a"}',
    b"\2streamPath=/live/a&ip=::1&protocol=rtmp&role=player&page=2&pageSize=5",
    b"\2start=1700000000000&end=2023-11-14&search=a",
    b"\2start=2023-11-14T22:16:40Z",
]
RECORD: dict[str, object] = {"streamPath": "/live/a", "ip": "::1", "startTime": 1_700_000_000_000, "role": "player"}


def run(data: bytes) -> None:
    kind, said = data[0] % 3 if data else 0, data[1:]
    if kind == 0:
        begin = parse_body(said, BeginRequest)
        check_path(begin.stream_path)
        read_url(begin.url)
        assert begin.most_failures is None or begin.most_failures >= 1
    elif kind == 1:
        parse_body(said, EndRequest)
    else:
        query = read_query(Request({"type": "http", "query_string": said, "headers": []}))
        assert query.page >= 1
        assert 1 <= query.page_size <= MAX_PAGE_SIZE
        assert query.takes(RECORD) in (True, False)
