"""Requests for HLS: a path, a NUL byte, and the URL's query."""

from urllib.parse import parse_qsl

from miso.live.errors import ParseError
from miso.live.hls.address import Kind, read_address

DOCUMENTED = (ParseError,)
RUN = b"0123456789abcdef"
SEEDS = [
    b"live/camera.m3u8\0token=x",
    b"live/camera.m3u8\0session=0123456789abcdef&_HLS_msn=12&_HLS_part=3",
    b"live/camera." + RUN + b"-i1.mp4\0session=0",
    b"live/camera." + RUN + b"-s12.m4s\0",
    b"live/camera." + RUN + b"-p12-3.m4s\0session=",
]


def run(data: bytes) -> None:
    path, _, query = data.decode("latin-1").partition("\0")
    wanted = read_address(path, dict(parse_qsl(query, keep_blank_values=True)))
    assert path.startswith(wanted.stream)
    assert (wanted.kind is Kind.PLAYLIST) == (not wanted.run)
    assert wanted.number is None or 0 <= wanted.number < 10**12
