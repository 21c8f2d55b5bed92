"""A viewer of a room, over plain RTP: what it sees and hears, on one line of time."""

from __future__ import annotations

import asyncio

from miso.controller import Consumer, Producer, Router
from miso.live.bridge.rtp.capture_clock import CaptureClock
from miso.live.bridge.rtp.h264_depacketizer import H264Depacketizer
from miso.live.bridge.rtp.h264_pictures import H264Pictures
from miso.live.bridge.rtp.picture_packets import PicturePackets
from miso.live.bridge.rtp.reordering import Reordering
from miso.live.bridge.rtp.rtcp import SenderReport, read_rtcp
from miso.live.bridge.rtp.rtp_packet import is_rtcp, read_rtp
from miso.live.bridge.rtp_link import RtpLink
from tests.live.bridge.flashes import Ear, Eye


class Viewer:
    """Takes one producer.

    Attributes:
        eye, ear: What has come, by its kind. Times are of capture.
        packets: How many have come.
        seen: Set whenever something has come.
    """

    def __init__(self, kind: str) -> None:
        self.eye, self.ear = Eye(), Ear("libopus")
        self.packets = 0
        self.news = asyncio.Event()
        self.consumer: Consumer
        self.link: RtpLink
        self._kind = kind
        self._clock = CaptureClock(90_000 if kind == "video" else 48_000)
        self._order, self._depacketizer, self._pictures = (
            Reordering(),
            H264Depacketizer(),
            PicturePackets(H264Pictures()),
        )
        self._held: list[bytes] = []

    @classmethod
    async def of(cls, router: Router, producer: Producer) -> Viewer:
        viewer = cls(producer.kind)
        viewer.link = await RtpLink.open(router, viewer._on_packet)
        viewer.consumer = await viewer.link.transport.consume(
            producer_id=producer.id, rtp_capabilities=router.rtp_capabilities, enable_rtx=False
        )
        return viewer

    def _on_packet(self, packet: bytes) -> None:
        if is_rtcp(packet):
            for said in read_rtcp(packet):
                if isinstance(said, SenderReport):
                    self._clock.report(said)
        else:
            self._held.append(packet)
            self.packets += 1
        if self._clock.is_known:
            held, self._held = self._held, []
            for one in held:
                self._take(one)
        self.news.set()

    def _take(self, packet: bytes) -> None:
        rtp = read_rtp(packet)
        if rtp.ssrc != self.consumer.rtp_parameters.encodings[0].ssrc:
            return  # the worker probes for bandwidth
        time_ms = self._clock.captured_ms(rtp.timestamp)
        if self._kind == "audio":
            if rtp.payload:
                self.ear.hear(time_ms, rtp.payload)
            return
        for ordered in self._order.put(rtp, 0):
            assert not ordered.is_after_gap
            for unit in self._depacketizer.put(ordered.packet, False):
                for one in self._pictures.of(unit, self._clock.captured_ms(unit.timestamp)):
                    self.eye.see(one)

    async def until(self, is_enough: object) -> None:
        assert callable(is_enough)
        async with asyncio.timeout(60):
            while not is_enough():
                self.news.clear()
                await self.news.wait()
