"""Players who take nothing, or a byte at a time: what they cost, how they end, and that others do not notice."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from pathlib import Path

from miso.live.media.flv import FlvReader, TagType
from miso.live.media.packet import Packet
from miso.live.sessions.session import EndReason, Role
from tests import sanitizers
from tests.live.broadcast.test_broadcast import AUDIO_CONFIG, until, video_config
from tests.live.flv_server.house import PATH, Content, House, house
from tests.live.streams.packets import picture, sound

FROZEN = 200
GROWTH_BYTES = 30_000_000
FRAME_BYTES = 20_000
FRAMES = 900


def memory_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def begin(made: House, *, small: bool) -> socket.socket:
    player = socket.socket()
    if small:
        player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    player.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(player, ("127.0.0.1", made.web.port))
    await loop.sock_sendall(player, f"GET /{PATH}.flv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return player


async def test_200_frozen_players_cost_little_are_closed_and_disturb_nobody() -> None:
    async with house(players={"frozen": 0.5}) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        for packet in (video_config(), AUDIO_CONFIG, picture(0, key=True), sound(1)):
            publication.write(packet)
        frozen = [await begin(made, small=True) for _ in range(FROZEN)]
        healthy = await begin(made, small=False)
        await until(lambda: len(made.live.sessions) == FROZEN + 1)
        reading = asyncio.create_task(read_all(healthy, FRAMES))
        before = memory_bytes()
        most = before
        for number in range(1, FRAMES):
            publication.write(picture(number * 40, key=number % 50 == 0, size=FRAME_BYTES))
            await asyncio.sleep(0.002)
            if number % 50 == 0:
                most = max(most, memory_bytes())
        if not sanitizers.are_on():  # ASan keeps 256 MB of what was freed
            assert most - before < GROWTH_BYTES + 12 * 25 * FRAME_BYTES, "the ring itself, and little else"
        await until(lambda: len(made.live.sessions) == 1)
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.TOO_SLOW] == FROZEN
        async with asyncio.timeout(60):
            assert await reading == [number * 40 for number in range(FRAMES)]
        for player in (*frozen, healthy):
            player.close()
        await until(lambda: not len(made.live.sessions))


async def read_all(player: socket.socket, count: int) -> list[int]:
    """The times of so many pictures."""
    loop = asyncio.get_running_loop()
    content, flv = Content(), FlvReader()
    times: list[int] = []
    while len(times) < count:
        data = await loop.sock_recv(player, 1 << 16)
        assert data
        tags = flv.feed(content.feed(data))
        times += [tag.timestamp_ms for tag in tags if tag.tag_type is TagType.VIDEO and tag.body[1] == 1]
    return times


async def test_who_reads_a_byte_at_a_time_gets_whole_tags_until_it_is_too_slow() -> None:
    async with house(players={"max_lag": 1, "max_skips": 1, "frozen": 30}) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        packets: list[Packet] = [video_config(), AUDIO_CONFIG, picture(0, key=True), sound(1)]
        for packet in packets:
            publication.write(packet)
        player = await begin(made, small=True)
        await until(lambda: len(made.live.sessions) == 1)
        got, at = b"", 40
        async with asyncio.timeout(60):
            while len(made.live.sessions):
                publication.write(picture(at, key=at % 400 == 0, size=FRAME_BYTES))
                at += 40
                try:
                    got += player.recv(1)
                    if at % 1_000 == 0:
                        got += player.recv(300_000)
                except BlockingIOError:
                    pass
                except ConnectionResetError:
                    break
                await asyncio.sleep(0.001)
        await until(lambda: not len(made.live.sessions))
        assert made.live.sessions.endings["http-flv", Role.PLAYER, EndReason.TOO_SLOW] == 1
        times = [tag.timestamp_ms for tag in FlvReader().feed(Content().feed(got))]
        assert len(times) > 3
        player.close()


async def test_the_kernel_gives_up_what_a_frozen_player_does_not_take() -> None:
    """A connection that is closed as usual would live on in the kernel, with all that was sent to it."""
    async with house(players={"frozen": 0.5}) as made:
        publication = made.live.streams.publish(PATH, lambda: None)
        for packet in (video_config(), AUDIO_CONFIG, picture(0, key=True), sound(1)):
            publication.write(packet)
        frozen = await begin(made, small=True)
        await until(lambda: len(made.live.sessions) == 1)
        for number in range(1, 300):
            publication.write(picture(number * 40, key=number % 50 == 0, size=FRAME_BYTES))
            await asyncio.sleep(0)
        await until(lambda: not len(made.live.sessions))
        await until(lambda: frozen.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)
        frozen.close()
