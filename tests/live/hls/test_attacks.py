"""What players and publishers may send with bad intent costs them their request, and nobody else anything."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest

from miso.live.hls import packager
from miso.live.hls.settings import HlsSettings
from miso.live.media.packet import Packet
from tests.live.hls.broadcast import Broadcast, broadcasting
from tests.live.hls.cutting import again, encoded
from tests.live.hls.house import PATH, house, send

pytest.importorskip("av", reason="PyAV is missing")
INVENTED = 1_000
CONNECTIONS = 20


async def statuses(broadcast: Broadcast, targets: list[str]) -> list[int]:
    """Asks for all of them over one connection, with the bytes that are given."""
    host, _, port = broadcast.origin.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    found = []
    for target in targets:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found.append(int(head.split()[1]))
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await reader.readexactly(int(length[1]))
    writer.close()
    return found


async def test_invented_sessions_leave_nothing_behind() -> None:
    async with broadcasting() as broadcast:
        await send(broadcast.house.publish(), again(encoded("libx264", "aac"), 2))
        async with httpx.AsyncClient(timeout=60) as http:
            assert (await http.get(broadcast.url)).status_code == 200
        names = [f"/{PATH}.m3u8?session={{:016x}}&_HLS_msn=1", f"/{PATH}.0123456789abcdef-s1.m4s?session={{:016x}}"]
        targets = [names[number % 2].format(number) for number in range(INVENTED)]
        found = await asyncio.gather(*(statuses(broadcast, targets[at::CONNECTIONS]) for at in range(CONNECTIONS)))
        assert {status for each in found for status in each} == {403}
        assert len(broadcast.house.sessions) == len(broadcast.house.viewers) == 1
        assert broadcast.house.service.waiting == 0


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd.m3u8",
        "/live/..%2f..%2fetc%2fpasswd.m3u8",
        "/live//camera.m3u8",
        "/live/%2e%2e/camera.m3u8",
        "/live/camera%00.m3u8",
        "/live/camera%5c..%5cx.m3u8",
        "/live/%ff%fe.m3u8",
        f"/live/{'n' * 4_000}.m3u8",
        f"/live/{'%C3%B6' * 600}.m3u8",
        f"/{'a/' * 20}b.m3u8",
        f"/live/camera.m3u8?session={'0' * 8_000}",
        f"/live/camera.m3u8?session=1&_HLS_msn={'9' * 4_000}",
        f"/live/camera.{'0' * 16}-p{'9' * 13}-1.m4s?session=1",
    ],
    ids=lambda target: target[:40],
)
async def test_names_that_lead_elsewhere_or_are_too_long_are_refused_at_once(target: str) -> None:
    async with broadcasting() as broadcast:
        assert (await statuses(broadcast, [target]))[0] in (400, 403, 404)
        house_ = broadcast.house
        assert len(house_.sessions) == len(house_.streams) == len(house_.packagers) == 0


@pytest.mark.parametrize("name", ["h%C3%B6rsaal", "a%20b", "%E2%98%83", "x:y@z", "100%25", "a%3Fb", "a%23b"])
async def test_a_stream_of_any_name_is_found_with_all_its_pieces(name: str) -> None:
    async with broadcasting() as broadcast:
        base = f"{broadcast.origin}/live/"
        await send(
            broadcast.house.publish("live/" + httpx.URL(base + name).path.removeprefix("/live/")), encoded("aac")
        )
        async with httpx.AsyncClient(timeout=60) as http:
            (media,) = re.findall("(?m)^[^#].*$", (await http.get(f"{base}{name}.m3u8")).text)
            text = (await http.get(base + media)).text
            pieces = re.findall("(?m)^[^#].*$", text) + re.findall(r'MAP:URI="([^"]+)"', text)
            assert len(pieces) >= 2
            assert {(await http.get(base + piece)).status_code for piece in pieces} == {200}


async def test_a_slash_that_is_written_as_a_code_is_a_slash() -> None:
    async with broadcasting() as broadcast:
        await send(broadcast.house.publish(), encoded("aac"))
        assert await statuses(broadcast, ["/live%2fcamera.m3u8"]) == [200]
        assert [session.path for session in broadcast.house.sessions] == [PATH]


async def test_frames_of_10_mb_take_no_more_memory_than_is_set() -> None:
    settings = HlsSettings()
    async with house(settings) as (made, _), httpx.AsyncClient(transport=httpx.ASGITransport(made.app)) as http:
        publication = made.publish()
        await send(publication, encoded("libx264", "aac"))
        assert (await http.get(f"http://host/{PATH}.m3u8")).status_code == 200
        key = next(packet for packet in encoded("libx264") if packet.is_key)
        (cut,) = made.packagers
        for number in range(50):
            heavy = Packet(key.track, key.codec, 2_000 + 40 * number, key.payload + bytes(10_000_000), is_key=True)
            await send(publication, [heavy])
            assert cut.size_bytes <= settings.max_bytes + 10_100_000


async def test_key_frames_only_are_cut_like_any_others() -> None:
    async with house() as (made, _), httpx.AsyncClient(transport=httpx.ASGITransport(made.app)) as http:
        publication = made.publish()
        packets = [packet for packet in encoded("libx264", "aac") if packet.is_key or packet.is_config]
        key = next(packet for packet in packets if packet.is_key and packet.track.kind.value == "video")
        await send(publication, packets)
        await send(publication, [key.at(2_000 + 40 * number) for number in range(500)])
        assert (await http.get(f"http://host/{PATH}.m3u8")).status_code == 200
        (cut,) = made.packagers
        whole = [segment for segment in cut.window if segment.is_complete]
        assert len(whole) == 6
        assert all(segment.duration_s == pytest.approx(2, abs=0.1) for segment in whole[-3:])


async def test_a_stream_without_a_key_frame_is_waited_for_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packager, "FIRST_WAIT_S", 0.5)
    async with house() as (made, clock), httpx.AsyncClient(transport=httpx.ASGITransport(made.app)) as http:
        publication = made.publish()
        packets = [packet for packet in encoded("libx264") if not packet.is_key]
        await send(publication, packets, clock)
        answer = await http.get(f"http://host/{PATH}.m3u8")
        assert (answer.status_code, answer.text) == (503, "live/camera has sent nothing that can be played")
        assert len(made.sessions) == made.service.waiting == 0
