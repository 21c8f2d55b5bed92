"""The ffmpeg in PyAV as a peer: it knows enhanced RTMP, Debian's does not. A process of its own, as it blocks.

``python -m tests.live.rtmp_server.pyav_peer publish URL ENCODER`` goes on until it is ended;
``python -m tests.live.rtmp_server.pyav_peer play URL PACKETS`` prints JSON: the codec, and the times of its packets.
"""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction

import av

RATE = 25
FOUR_CCS = "hvc1,av01,vp09"


def publish(url: str, encoder: str) -> None:
    with av.open(url, "w", format="flv", options={"rtmp_enhanced_codecs": FOUR_CCS}) as container:
        stream = container.add_stream(encoder)
        assert isinstance(stream, av.VideoStream)
        stream.rate, stream.width, stream.height, stream.pix_fmt = Fraction(RATE), 320, 180, "yuv420p"
        stream.gop_size = RATE
        index = 0
        while True:
            frame = av.VideoFrame(320, 180, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes((index & 0xFF,)) * plane.buffer_size)
            frame.pts = index
            container.mux(stream.encode(frame))
            index += 1
            time.sleep(1 / RATE)


def play(url: str, packets: int) -> None:
    with av.open(url) as container:
        stream = container.streams[0]
        times: list[int] = []
        for packet in container.demux(stream):
            assert packet.dts is not None
            times.append(packet.dts)
            if len(times) == packets:
                break
        print(json.dumps({"codec": stream.codec_context.name, "times": times}))


if __name__ == "__main__":
    if sys.argv[1] == "publish":
        publish(sys.argv[2], sys.argv[3])
    else:
        play(sys.argv[2], int(sys.argv[3]))
