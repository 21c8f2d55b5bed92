"""A live stream's pictures as one RTP stream, whose key frames can be had again at any time.

The encoder of a live stream cannot be asked for a key frame. So the pictures since the last one are kept (the packets
of the stream, not copies), and who needs a key frame gets these again: a new viewer sees a picture at once. Who sees
the stream already gets them, too, with times so close to each other that a browser shows the last one only.
"""

from __future__ import annotations

from typing import Final

from miso.live.bridge.rtp.h264_packetizer import H264Packetizer
from miso.live.bridge.rtp.h264_slice import read_picture
from miso.live.bridge.rtp.sent_stream import SentStream
from miso.live.bridge.to_room.b_frames import BFrames
from miso.live.media.avc import read_avc_config
from miso.live.media.packet import Packet

RATE_HZ: Final = 90_000
MAX_KEPT_BYTES: Final = 8_000_000
"""Of the pictures since a key frame; if there are more, who needs a key frame waits for the next."""
MAX_KEPT_PICTURES: Final = 1_000
_UNITS_PER_MS = RATE_HZ // 1_000
# Repetitions disturb who sees the stream already, and cost each viewer the bandwidth of all those pictures.
_REPEATS_AT_ONCE = 3
_REPEAT_EVERY_S = 2.0
# A wish that comes so soon after a key frame was sent was on its way when that was.
_CROSSING_S = 0.1


class VideoSender:
    """Of one stream in one room.

    Attributes:
        dropped_b_frames: Pictures left out.
        repeats: How often the pictures since the last key frame were sent again.

    Args:
        stream: Numbers the packets.
        b_frames: What becomes of B frames.
    """

    def __init__(self, stream: SentStream, b_frames: BFrames) -> None:
        self.dropped_b_frames = 0
        self.repeats = 0
        self._stream = stream
        self._b_frames = b_frames
        self._packetizer = H264Packetizer()
        self._kept: list[Packet] = []  # from a key frame on; empty: none is known, or they are too many
        self._kept_bytes = 0
        self._last_units: int | None = None
        self._is_wanted = False  # somebody waits for a key frame
        self._tokens = float(_REPEATS_AT_ONCE)
        self._tokens_at_s: float | None = None
        self._last_key_s: float | None = None

    def remember(self, packet: Packet) -> None:
        """Takes what came before the room was entered: it is sent when somebody needs a key frame.

        Raises:
            ParseError: The packet is broken.
            RefusedError: It is of a stream that rooms cannot have.
        """
        self._take(packet)

    def send(self, packet: Packet, now_s: float) -> list[bytes]:
        """The RTP packets of the next picture; none of a configuration.

        Raises:
            ParseError: The packet is broken.
            RefusedError: It is of a stream that rooms cannot have.
        """
        if not self._take(packet):
            return []
        if packet.is_key:
            self._is_wanted = False
            self._last_key_s = now_s
        return self._packets_of(packet, _UNITS_PER_MS * packet.pts_ms)

    def key_frame_wanted(self) -> None:
        """Somebody needs a key frame; :meth:`repeat` says when."""
        self._is_wanted = True

    def repeat(self, now_s: float) -> list[bytes]:
        """The pictures since the last key frame once more, if they are wanted and it is not too often."""
        if not self._is_wanted or not self._kept:
            return []
        if self._last_key_s is not None and now_s - self._last_key_s < _CROSSING_S:
            return []
        if not self._may_repeat(now_s):
            return []
        self._is_wanted = False
        self._last_key_s = now_s
        self.repeats += 1
        # Right behind what was sent before, and so before the next one's own time.
        last = self._last_units
        first = _UNITS_PER_MS * self._kept[-1].pts_ms - len(self._kept) if last is None else last + 1
        return [data for index, packet in enumerate(self._kept) for data in self._packets_of(packet, first + index)]

    def _take(self, packet: Packet) -> bool:
        """Keeps a picture; False: there is none, or it is left out."""
        if packet.is_config:
            config = read_avc_config(packet.payload)
            self._packetizer.configure(config.sps, config.pps)
            self._forget()
            return False
        if packet.is_end:
            return False
        picture = read_picture(packet.nal_units)
        if picture is None:
            return False
        if not self._b_frames.lets_through(picture):
            self.dropped_b_frames += 1
            return False
        if packet.is_key:
            self._forget()
        if packet.is_key or self._kept:
            self._kept.append(packet)
            self._kept_bytes += packet.size_bytes
            if self._kept_bytes > MAX_KEPT_BYTES or len(self._kept) > MAX_KEPT_PICTURES:
                self._forget()
        return True

    def _forget(self) -> None:
        self._kept, self._kept_bytes = [], 0

    def _packets_of(self, packet: Packet, units: int) -> list[bytes]:
        if self._last_units is not None:
            units = max(units, self._last_units + 1)
        self._last_units = units
        payloads = self._packetizer.payloads(packet.nal_units)
        last = len(payloads) - 1
        return [self._stream.packet(payload, units, marker=at == last) for at, payload in enumerate(payloads)]

    def _may_repeat(self, now_s: float) -> bool:
        if self._tokens_at_s is not None:
            gained = (now_s - self._tokens_at_s) / _REPEAT_EVERY_S
            self._tokens = min(float(_REPEATS_AT_ONCE), self._tokens + gained)
        self._tokens_at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
