"""Who waits and closes its connection is noticed at once: its request waits no longer, and it is no viewer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import httpx
import pytest

from miso.live.sessions.events import EventKind
from tests.live.hls.broadcast import Broadcast, broadcasting
from tests.live.hls.cutting import encoded
from tests.live.hls.house import PATH, send

pytest.importorskip("av", reason="PyAV is missing")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # it is no event of ours
            await asyncio.sleep(0.01)


async def ask(broadcast: Broadcast, target: str) -> asyncio.StreamWriter:
    """Sends a request, and reads nothing."""
    host, _, port = broadcast.origin.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return writer


async def test_who_goes_while_it_waits_for_a_stream_is_no_viewer_any_more() -> None:
    async with broadcasting() as broadcast:
        house = broadcast.house
        house.publish()  # and sends nothing
        writers = [await ask(broadcast, f"/{PATH}.m3u8") for _ in range(20)]
        await until(lambda: house.service.waiting == len(house.sessions) == 20)
        for writer in writers:
            writer.close()
        await until(lambda: house.service.waiting == len(house.sessions) == 0)
        assert house.events == []


async def test_who_goes_while_it_waits_for_a_part_makes_room_for_another() -> None:
    async with broadcasting() as broadcast, httpx.AsyncClient(base_url=broadcast.origin, timeout=60) as http:
        house = broadcast.house
        await send(house.publish(), encoded("libx264"))
        (media,) = re.findall("(?m)^[^#].*$", (await http.get(f"/{PATH}.m3u8")).text)
        text = (await http.get(f"/live/{media.removeprefix('./')}")).text
        (hinted,) = re.findall(r'PRELOAD-HINT:TYPE=PART,URI="\./([^"]+)"', text)
        (packager,) = house.packagers
        playlist = f"/live/{media.removeprefix('./')}&_HLS_msn={packager.window.next_number}"
        writers = [await ask(broadcast, target) for target in (playlist, f"/live/{hinted}")]
        await until(lambda: house.service.waiting == packager.waiting == 2)
        for writer in writers:
            writer.close()
        await until(lambda: house.service.waiting == packager.waiting == 0)
        assert [event.kind for event in house.events] == [EventKind.PLAY]
        assert (await http.get(f"/live/{media.removeprefix('./')}")).status_code == 200
