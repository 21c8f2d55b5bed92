"""``python -m bench.live``: CPU of a live server for each megabyte that its players get, and a floor beside it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import conclusion
from bench.command_line import command_parser
from native.extensions import build

SERVERS = ("miso.live", "controller", "node-media", "nginx-rtmp")

EXPLANATION = """
ffmpeg publishes a stream of 2 Mbit/s (H264 with a key frame every 2 s, and AAC) over RTMP; so many players watch it,
over HTTP-FLV and over RTMP. CPU is the server's, with what it takes for the publisher, divided by what the players'
sockets got. The floor is a process with a loop in C that sends each of the stream's frames to as many sockets with
one send each, measured right before each measurement of a server; the ratio is the median of the pairs' ratios. "key
p95": of the players that come while the others watch, nineteen of twenty have a whole key frame after so many
milliseconds (a server without a cache makes them wait for the next). "rooms p99": of 100 answers of the rooms in the
same process (controller), 99 took no longer. node-media needs npm's node-media-server (--nms), nginx-rtmp Debian's
libnginx-mod-rtmp. With --check the exit code is 1 when miso.live misses what CONTRIBUTING.md promises of it.
"""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line. Exits with 2 when it is wrong."""
    parser = command_parser("bench.live", __doc__, EXPLANATION)
    parser.add_argument(
        "--servers", nargs="+", choices=SERVERS, default=list(SERVERS), help="default: all that are there"
    )
    parser.add_argument("--flv", type=int, default=500, help="players over HTTP-FLV (default 500)")
    parser.add_argument("--rtmp", type=int, default=500, help="players over RTMP (default 500)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default 5)")
    parser.add_argument("--repeats", type=int, default=5, help="medians of so many (default 5)")
    parser.add_argument("--joins", type=int, default=10, help="players that come during each (default 10)")
    parser.add_argument("--nms", type=Path, default=Path(), help="where npm install node-media-server was run")
    conclusion.add_arguments(parser, "bench.live", "beyond the limits")
    options = parser.parse_args(arguments)
    if options.flv < 0 or options.rtmp < 0 or options.flv + options.rtmp < 1:
        parser.error("there must be players")
    if options.repeats < 1 or options.seconds <= 0 or options.joins < 1:
        parser.error("repeats, seconds and joins must be greater than 0")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table while it grows, and writes the JSON."""
    options = parse_arguments(arguments)
    build(measuring=True)
    from bench.live import servers
    from bench.live.figures import HEADER, Row, Settings, as_row, compared, failures, line
    from bench.live.measure import measure
    from bench.live.source import Source

    settings = Settings(options.seconds, options.repeats, options.joins)
    print(HEADER, flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="miso-bench-") as name:
        folder = Path(name)
        source = Source.make(folder)
        starts: dict[str, Callable[[], servers.Server]] = {
            "miso.live": servers.ours,
            "controller": servers.ours_with_rooms,
            "node-media": lambda: servers.node_media_server(folder, options.nms),
            "nginx-rtmp": lambda: servers.nginx(folder),
        }
        # each protocol alone, too: not every server has both
        mixes = list(dict.fromkeys([(options.flv, options.rtmp), (options.flv, 0), (0, options.rtmp)]))
        for flv, rtmp in mixes:
            for server in options.servers:
                if flv + rtmp == 0:
                    continue
                try:
                    row = measure(starts[server], source, flv, rtmp, settings)
                except servers.UnavailableError as error:
                    print(f"{server:<14}{error}", flush=True)
                    continue
                if row is not None:
                    rows.append(row)
                    print(line(row), flush=True)
    found = conclusion.Found(
        settings=conclusion.chosen(options, "seconds", "repeats", "joins"),
        rows=[as_row(row) for row in rows],
        compared=compared(rows),
        wrong=failures(rows),
    )
    return conclusion.conclude(options, arguments, found)


if __name__ == "__main__":
    sys.exit(main())
