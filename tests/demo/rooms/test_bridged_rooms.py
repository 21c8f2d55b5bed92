"""A live stream in a room of the server, as the room's people see it; and a look at a room from outside."""

from __future__ import annotations

import asyncio

import pytest

from miso.controller import Producer
from miso.demo.rooms.bridged_rooms import BridgedRooms
from miso.demo.server import DemoServer
from miso.live.bridge.rooms import Guest, RoomClosedError
from miso.live.errors import RefusedError
from tests.demo.client import AUDIO, RoomClient

GUEST = Guest(id="live:obs", display_name="Keynote", stream="live/obs")


class Listener:
    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[str, Producer]] = asyncio.Queue()
        self.leaders: list[str] = []

    def producer_came(self, participant_id: str, producer: Producer) -> None:
        self.came.put_nowait((participant_id, producer))

    def speaker_changed(self, participant_id: str) -> None:
        self.leaders.append(participant_id)


async def test_a_guest_is_seen_by_who_is_there_and_who_comes_later(server: DemoServer, url: str) -> None:
    rooms = BridgedRooms(server.rooms)
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    seat = await rooms.enter("r", GUEST)
    told = await first.seen("newPeer")
    assert told["displayName"] == "Keynote"
    assert told["device"]["flag"] == "live"
    transport = await seat.router.create_direct_transport()
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, app_data={"peerId": GUEST.id})
    await seat.offer(producer)
    assert (await first.seen("newConsumer"))["peerId"] == GUEST.id
    second = await RoomClient.connect(url, "r", "b")
    await second.join()
    assert (await second.seen("newConsumer"))["producerId"] == producer.id
    seat.leave()
    seat.leave()
    assert (await first.seen("peerClosed"))["peerId"] == GUEST.id
    assert first.methods.count("peerClosed") == 1
    await first.close()
    await second.close()


async def test_a_guest_keeps_its_room_until_it_leaves(server: DemoServer) -> None:
    seat = await BridgedRooms(server.rooms).enter("quiet", GUEST)
    assert len(server.rooms) == 1
    seat.leave()
    assert len(server.rooms) == 0
    assert seat.router.closed


async def test_an_id_that_is_taken_or_a_bad_name_is_refused(server: DemoServer, url: str) -> None:
    rooms = BridgedRooms(server.rooms)
    seat = await rooms.enter("r", GUEST)
    with pytest.raises(RefusedError, match="already"):
        await rooms.enter("r", GUEST)
    with pytest.raises(RefusedError, match="roomId"):
        await rooms.enter("r\n", GUEST)
    seat.leave()
    assert len(server.rooms) == 0


async def test_a_view_tells_what_is_sent_and_keeps_no_room_alive(server: DemoServer, url: str) -> None:
    rooms = BridgedRooms(server.rooms)
    listener = Listener()
    with pytest.raises(RoomClosedError):
        rooms.view("r", listener)
    seat = await rooms.enter("r", GUEST)
    view = rooms.view("r", listener)
    assert view.producers == {GUEST.id: []}
    transport = await seat.router.create_direct_transport()
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, app_data={"peerId": GUEST.id})
    await seat.offer(producer)
    assert await listener.came.get() == (GUEST.id, producer)
    assert view.producers == {GUEST.id: [producer]}
    view.close()
    view.close()
    await seat.offer(producer)
    assert listener.came.empty()
    seat.leave()
    assert view.router.closed
