"""The honest people, a process that is told when to count: ``python -m tests.chaos.people URL call|crowd``.

``call`` is three people who hear and see each other, ``crowd`` twenty-seven in rooms of three who only speak. When
media flow, both print from which addresses they send and where to. At the line ``measure`` on standard input they begin
to count, at ``report`` they print what came, at ``leave`` they leave. What they print is JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from tests.chaos.guest import Guest, Stream

ROOM_SIZE = 3
CROWD_ROOMS = 9
CALL_PACKETS_PER_S = 50
CROWD_PACKETS_PER_S = 20
FLOW_TIMEOUT_S = 60.0


async def run(url: str, who: str) -> None:
    """Until the report is printed."""
    rooms = ["call"] if who == "call" else [f"crowd-{number}" for number in range(CROWD_ROOMS)]
    guests: list[Guest] = []
    for room in rooms:
        for number in range(ROOM_SIZE):
            guest = await Guest.connect(url, room, f"honest-{number}")
            await guest.join()
            await guest.send_audio(CALL_PACKETS_PER_S if who == "call" else CROWD_PACKETS_PER_S)
            if who == "call":
                await guest.send_video()
            guests.append(guest)
    wanted = (ROOM_SIZE - 1) * (2 if who == "call" else 1)
    async with asyncio.timeout(FLOW_TIMEOUT_S):
        for guest in guests:
            await guest.hears(wanted)
    paths = [guest.sending for guest in guests]
    print(json.dumps({"from": [path.socket.getsockname() for path in paths], "to": paths[0].remote}), flush=True)
    while (told := (await asyncio.to_thread(sys.stdin.readline)).strip()) != "leave":
        if told == "measure":
            for guest in guests:
                guest.measure()
        elif told == "report":
            streams = [stream for guest in guests for stream in guest.stop_measuring()]
            print(json.dumps(summary(streams)), flush=True)
        else:
            raise SystemExit(f"expected measure, report or leave on standard input, not {told!r}")
    for guest in guests:
        await guest.close()


def summary(streams: Sequence[Stream]) -> dict[str, float]:
    """What the report says: packets that came and that were lost, and the longest gap in seconds."""
    return {
        "packets": sum(stream.packets for stream in streams),
        "lost": sum(stream.lost for stream in streams),
        "longestGap": max(stream.longest_gap_s for stream in streams),
        "silent": sum(stream.packets == 0 for stream in streams),
    }


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2]))
