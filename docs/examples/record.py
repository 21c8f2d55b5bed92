"""Takes a stream in from ffmpeg, and records what a router has of it with another ffmpeg.

    python docs/examples/record.py INPUT OUTPUT.mkv

INPUT is anything ffmpeg reads: a file, ``rtmp://…``, a camera. It goes into the router as plain RTP, Opus and VP8,
where browsers could consume it as well. The first ffmpeg is told where to send; where it sends from, the router learns
from the first packet (``comedia``). The second one is told what comes by an SDP file.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

from miso import Consumer, Producer, Router, create_worker

HOST = "127.0.0.1"
MEDIA_CODECS = [
    {"kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2},
    {"kind": "video", "mimeType": "video/VP8", "clockRate": 90000},
]
# ffmpeg sends with these numbers because it is told to; the router gives its consumers others.
AUDIO = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
VIDEO = {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}
AUDIO_SSRC, VIDEO_SSRC = 11111, 22222


async def ingest(router: Router, source: str) -> tuple[Process, list[Producer]]:
    """Starts an ffmpeg that sends the source, once, in real time."""
    audio = await router.create_plain_transport(listen_ip=HOST, rtcp_mux=False, comedia=True)
    video = await router.create_plain_transport(listen_ip=HOST, rtcp_mux=False, comedia=True)
    producers = [
        await audio.produce(kind="audio", rtp_parameters={"codecs": [AUDIO], "encodings": [{"ssrc": AUDIO_SSRC}]}),
        await video.produce(kind="video", rtp_parameters={"codecs": [VIDEO], "encodings": [{"ssrc": VIDEO_SSRC}]}),
    ]
    outputs = []
    for transport, ssrc, payload_type, codec in (
        (audio, AUDIO_SSRC, 111, ["-map", "0:a:0", "-c:a", "libopus", "-ac", "2", "-ar", "48000"]),
        (video, VIDEO_SSRC, 96, ["-map", "0:v:0", "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-g", "50"]),
    ):
        assert transport.rtcp_tuple is not None  # without rtcp_mux there is one
        url = f"rtp://{HOST}:{transport.tuple.local_port}?rtcpport={transport.rtcp_tuple.local_port}&pkt_size=1200"
        outputs += [*codec, "-ssrc", str(ssrc), "-payload_type", str(payload_type), "-f", "rtp", url]
    process = await create_subprocess_exec(
        "ffmpeg", "-v", "fatal", "-re", "-i", source, *outputs, stdin=DEVNULL, stdout=DEVNULL
    )
    return process, producers


async def consume(router: Router, producer: Producer) -> tuple[Consumer, int]:
    """Sends a producer to a free port; gives the consumer, paused until somebody listens there, and the port."""
    port = free_port_pair()
    transport = await router.create_plain_transport(listen_ip=HOST, rtcp_mux=False)
    await transport.connect(ip=HOST, port=port, rtcp_port=port + 1)
    consumer = await transport.consume(
        producer_id=producer.id, rtp_capabilities=router.rtp_capabilities, enable_rtx=False, paused=True
    )
    return consumer, port


@contextlib.asynccontextmanager
async def recording(router: Router, producers: list[Producer], output: Path) -> AsyncIterator[None]:
    """Records the producers into a file until the block ends."""
    consumed = [await consume(router, producer) for producer in producers]
    with tempfile.NamedTemporaryFile("w", suffix=".sdp") as sdp:
        sdp.write(describe(consumed))
        sdp.flush()
        process = await create_subprocess_exec(
            *("ffmpeg", "-v", "error", "-y", "-protocol_whitelist", "file,rtp,udp", "-i", sdp.name),
            *("-c", "copy", str(output)),
            stdin=DEVNULL,
        )
        try:
            for consumer, port in consumed:
                await listens(port)
                await consumer.resume()  # asks for a key frame
                if consumer.kind == "video":
                    await consumer.request_key_frame()
            yield
        finally:
            for consumer, port in consumed:
                consumer.close()
                say_goodbye(consumer, port + 1)
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()


def say_goodbye(consumer: Consumer, rtcp_port: int) -> None:
    """Sends RTCP BYE (RFC 3550 section 6.6): with one for each stream, ffmpeg completes the file and ends."""
    ssrc = consumer.rtp_parameters.encodings[0].ssrc or 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        report, goodbye = struct.pack("!BBHI", 0x80, 201, 1, ssrc), struct.pack("!BBHI", 0x81, 203, 1, ssrc)
        sender.sendto(report + goodbye, (HOST, rtcp_port))


def describe(consumed: list[tuple[Consumer, int]]) -> str:
    """The session description (RFC 8866) of what comes."""
    lines = ["v=0", f"o=- 0 0 IN IP4 {HOST}", "s=Miso", f"c=IN IP4 {HOST}", "t=0 0"]
    for consumer, port in consumed:
        codec = consumer.rtp_parameters.codecs[0]
        name = codec.mime_type.partition("/")[2]
        channels = f"/{codec.channels}" if codec.channels else ""
        lines += [
            f"m={consumer.kind} {port} RTP/AVP {codec.payload_type}",
            f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}",
        ]
    return "\n".join(lines) + "\n"


def free_port_pair() -> int:
    """An even port which is free, with the next one, for RTP and RTCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
            rtp.bind((HOST, 0))
            port: int = rtp.getsockname()[1]
            with contextlib.suppress(OSError):
                rtcp.bind((HOST, port + 1))
                if port % 2 == 0:
                    return port


async def listens(port: int) -> None:
    """Waits until somebody has bound the UDP port."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return
        await asyncio.sleep(0.05)


async def main(source: str, output: Path) -> None:
    """Plays the source through a router into the output."""
    async with await create_worker(log_level="warn") as worker:
        router = await worker.create_router(media_codecs=MEDIA_CODECS)
        sender, producers = await ingest(router, source)
        for producer in producers:
            producer.on("score", lambda score, kind=producer.kind: print(f"{kind} arrives, score {score[0].score}"))
        async with recording(router, producers, output):
            await sender.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
