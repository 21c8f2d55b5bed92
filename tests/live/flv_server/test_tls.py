"""FLV over HTTPS and WSS: the same bytes through the transport that encrypts them, with the same bounds."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from websockets.asyncio.client import connect

from miso.live.media.flv import FlvReader, TagType
from miso.live.sessions.session import EndReason, Role
from miso.serving.certificate_files import self_made
from tests.live.broadcast.test_broadcast import AUDIO_CONFIG, until, video_config
from tests.live.flv_server.house import PATH, Content, House, house
from tests.live.streams.packets import picture, sound
from tests.patience import PATIENCE_S

FRAMES = 300
FRAME_BYTES = 20_000


async def open_player(
    made: House, trust: ssl.SSLContext, *, small: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    client = socket.socket()
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", made.web.https_port or 0))
    reader, writer = await asyncio.open_connection(sock=client, ssl=trust, server_hostname="localhost")
    writer.write(f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


async def times_of(reader: asyncio.StreamReader, count: int) -> list[int]:
    """Of so many pictures."""
    content, flv = Content(), FlvReader()
    times: list[int] = []
    while len(times) < count:
        data = await reader.read(1 << 16)
        assert data
        tags = flv.feed(content.feed(data))
        times += [tag.timestamp_ms for tag in tags if tag.tag_type is TagType.VIDEO and tag.body[1] == 1]
    return times


async def test_over_tls_healthy_players_get_everything_and_frozen_ones_are_closed(tmp_path: Path) -> None:
    certificate = self_made(tmp_path, ["localhost"])
    trust = ssl.create_default_context(cafile=certificate.chain)
    tls = {"tls_certificate": certificate.chain, "tls_key": certificate.key}
    async with house(web=tls, players={"frozen": 0.5}) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        for packet in (video_config(), AUDIO_CONFIG, picture(0, key=True), sound(1)):
            publication.write(packet)
        reader, writer = await open_player(made, trust, small=False)
        _, frozen = await open_player(made, trust, small=True)
        frozen.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: len(made.live.sessions) == 2)
        url = f"wss://localhost:{made.web.https_port}/{PATH}.flv"
        async with connect(url, ssl=trust, proxy=None, max_size=None) as websocket:
            reading = asyncio.create_task(times_of(reader, FRAMES))
            flv, tags = FlvReader(), 0
            for number in range(1, FRAMES):
                publication.write(picture(number * 40, key=number % 25 == 0, size=FRAME_BYTES))
                async with asyncio.timeout(PATIENCE_S):
                    message = await websocket.recv()
                assert isinstance(message, bytes)
                tags += len(flv.feed(message))
            assert flv.header == (True, True)
            assert tags > FRAMES / 2
            async with asyncio.timeout(60):
                assert await reading == [number * 40 for number in range(FRAMES)]
            await until(lambda: made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.TOO_SLOW] == 1)
            assert len(made.live.sessions) == 2
        writer.close()
        frozen.close()
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.DONE] == 1
