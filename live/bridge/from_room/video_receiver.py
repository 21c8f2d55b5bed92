"""A room's pictures as packets of a live stream, coded as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from miso.live.bridge.from_room.picture_codec import READING, PictureCodec
from miso.live.bridge.from_room.received_stream import ReceivedStream, Timed
from miso.live.bridge.rtp.picture_packets import PicturePackets
from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.errors import ParseError
from miso.live.media.packet import Packet

RATE_HZ: Final = 90_000


class VideoReceiver:
    """Of one producer, which may change its codec among those that it has negotiated.

    Attributes:
        broken: Payloads that made no sense, or are of another type than those.
        last_key_s: When the last key frame came; None: none has.

    Args:
        codecs: Those, by payload type; it begins with the first.
        write: Gets the live stream's packets.
    """

    def __init__(self, codecs: Mapping[int, PictureCodec], write: Callable[[Packet], None]) -> None:
        self.broken = 0
        self.last_key_s: float | None = None
        self._write = write
        self._stream = ReceivedStream(RATE_HZ)
        self._codecs = codecs
        self._last_ms = 0  # the time of the packet before
        self._begin(next(iter(codecs)))

    @property
    def needs_key(self) -> bool:
        """Whether nothing can be shown before the next key frame."""
        return self._packets.needs_key

    @property
    def lost(self) -> int:
        """RTP packets that never came."""
        return self._stream.lost

    def report(self, report: SenderReport) -> None:
        """What its sender says of its clock."""
        self._stream.report(report)

    def put(self, packet: RtpPacket, now_s: float, unix_s: float) -> None:
        """Takes an RTP packet in."""
        self._take(self._stream.put(packet, now_s, unix_s), now_s)

    def due(self, now_s: float, unix_s: float) -> None:
        """Waits no longer for what is missing."""
        self._take(self._stream.due(now_s, unix_s), now_s)

    def _begin(self, payload_type: int) -> None:
        """What comes is coded so from here on."""
        self._payload_type = payload_type
        reading = READING[self._codecs[payload_type]]
        self._depacketizer = reading.depacketizer()
        self._packets = PicturePackets(reading.pictures())

    def _take(self, packets: Iterable[Timed], now_s: float) -> None:
        for packet, is_after_gap, time_ms in packets:
            if packet.payload_type != self._payload_type and packet.payload:
                if packet.payload_type not in self._codecs:
                    self.broken += 1
                    continue
                self._begin(packet.payload_type)
            if is_after_gap:
                self._packets.lost()
            before_ms, self._last_ms = self._last_ms, time_ms
            try:
                for unit in self._depacketizer.put(packet, is_after_gap):
                    # Without a marker, it is the picture before the packet's own that is whole now.
                    for made in self._packets.of(unit, time_ms if unit.timestamp == packet.timestamp else before_ms):
                        if made.is_key:
                            self.last_key_s = now_s
                        self._write(made)
            except ParseError:
                self.broken += 1
                self._packets.lost()
