"""People without a browser, who know to the packet when video came: browsers tell of frames only, and late.

One sends frames and notes when, others receive them elsewhere. What the sender itself was late with, as any process is
on a busy machine, can so be told from what the way between them added.
"""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import pairwise

from tests.browser.server import DemoServer
from tests.chaos.guest import Guest
from tests.worker.rtp.packets import RtpPacket

TIMESTAMP_MODULUS = 2**32


class Witness:
    """A participant who notes times, in seconds since 1970.

    Attributes:
        guest: The participant.
        peer_id: Its id.
        sent: When it began to send each frame, by RTP timestamp.
    """

    def __init__(self, guest: Guest, peer_id: str) -> None:
        self.guest = guest
        self.peer_id = peer_id
        self.sent: dict[int, float] = {}
        self._came: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self._since_1970_s = time.time() - time.monotonic()
        guest.on_packet = self._take
        guest.on_frame_sent = self._note

    @classmethod
    async def join(cls, server: DemoServer, room: str, peer_id: str, *, sends: bool = False) -> Witness:
        """Comes to the room through a server."""
        guest = await Guest.connect(f"ws://127.0.0.1:{server.port}", room, peer_id)
        witness = cls(guest, peer_id)
        await guest.join()
        if sends:
            await guest.send_video()
        return witness

    async def close(self) -> None:
        """Leaves."""
        await self.guest.close()

    def packets(self, sender: str) -> list[tuple[int, float]]:
        """Timestamp and arrival of each packet of somebody's video; those of all consumers that there have been."""
        return [packet for ssrc in self._ssrcs(sender) for packet in self._came.get(ssrc, [])]

    def arrivals(self, sender: str) -> list[float]:
        """When packets of somebody's video came, in order."""
        return sorted(time_s for _, time_s in self.packets(sender))

    def delays(self, sender: Witness) -> list[tuple[float, float]]:
        """When each frame of another witness was sent, and how long its first packet took."""
        first: dict[int, float] = {}
        for timestamp, time_s in self.packets(sender.peer_id):
            first[timestamp] = min(first.get(timestamp, time_s), time_s)
        return [(sender.sent[one], came_s - sender.sent[one]) for one, came_s in first.items() if one in sender.sent]

    def _ssrcs(self, sender: str) -> list[int]:
        offers = [data for method, data in self.guest.client.log if method == "newConsumer"]
        return [
            offer["rtpParameters"]["encodings"][0]["ssrc"]
            for offer in offers
            if offer["peerId"] == sender and offer["kind"] == "video"
        ]

    def _take(self, packet: RtpPacket, now_s: float) -> None:
        self._came[packet.ssrc].append((packet.timestamp, now_s + self._since_1970_s))

    def _note(self, timestamp: int, now_s: float) -> None:
        self.sent[timestamp % TIMESTAMP_MODULUS] = now_s + self._since_1970_s


def longest_gap_s(times: list[float], begin_s: float, end_s: float) -> float:
    """The longest time between two of them, or without any, within a span."""
    within = [time_s for time_s in times if begin_s <= time_s <= end_s]
    return max(later - earlier for earlier, later in pairwise([begin_s, *within, end_s]))
