"""The people of one room, in a process of their own: real media over ICE, DTLS and SRTP, made by aiortc.

A process, because the rudest way to leave a room is to be killed, and the second rudest to fall silent.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiortc import MediaStreamTrack
from pymediasoup.consumer import Consumer

from tests.interop.pymediasoup_peer import PymediasoupPeer
from tests.interop.tracks import ColourTrack, ToneTrack

PATIENCE_S = 60.0
FRAMES = 10
"""What each guest hears of each other, and sees, before the room counts as one where media flowed."""


def run_room(url: str, room: str, guests: int, stay_s: float, video: bool, said: Any) -> None:
    """Fills a room, stays, and leaves it politely.

    Args:
        url: Of the server's protoo side.
        room: The room's name.
        guests: How many people come, one after another.
        stay_s: How long they stay once everybody hears everybody.
        video: Whether the first of them sends a picture, too.
        said: ``multiprocessing`` connection; gets ``"media"`` when all media have flowed, then ``"left"``.
    """
    asyncio.run(_run(url, room, guests, stay_s, video, said))


async def _run(url: str, room: str, guests: int, stay_s: float, video: bool, said: Any) -> None:
    people = [PymediasoupPeer(url, room, f"guest-{number}") for number in range(guests)]
    tracks: list[MediaStreamTrack] = []
    async with asyncio.timeout(PATIENCE_S):
        for number, person in enumerate(people):
            await person.join()
            sent = [ToneTrack(400 + 100 * number), *([ColourTrack(120, 90, 200)] if video and number == 0 else [])]
            for track in sent:
                await person.produce(track)
            tracks += sent
        for number, person in enumerate(people):
            for _ in range(guests - 1 + (1 if video and number != 0 else 0)):
                await _receive(await person.consumers.get())
    said.send("media")
    await asyncio.sleep(stay_s)
    for person in people:
        await person.close()
    for track in tracks:
        track.stop()
    said.send("left")


async def _receive(consumer: Consumer) -> None:
    for _ in range(FRAMES):
        await consumer.track.recv()
