"""Requests for FLV: path and parameters as somebody writes them in an address."""

from urllib.parse import parse_qsl, unquote

from miso.live.errors import ParseError, RefusedError
from miso.live.flv_server.request import read_request
from miso.live.streams.registry import check_path

DOCUMENTED = (ParseError, RefusedError)
SEEDS = [
    b"/live/camera.flv",
    b"/live/deep/a.b.flv?start=key&onlyVideo&track=1",
    b"/live/a.flv?start=live&onlyAudio=1&track=255&token=1-ab",
    b"/%6cive/../%00.flv?track=256&start=past",
]


def run(data: bytes) -> None:
    path, _, query = data.decode("latin-1").partition("?")
    asked = read_request(unquote(path), dict(parse_qsl(query, keep_blank_values=True)))
    assert asked.audio or asked.video
    assert 0 <= asked.track <= 255
    check_path(asked.path)
