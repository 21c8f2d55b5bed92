"""A sender of VP8 video: frames at a rate, key frames when asked, sender reports, retransmissions (RFC 4588)."""

from __future__ import annotations

import struct

from miso.worker.rtcp.compound import Packet
from miso.worker.rtcp.extended import DelaySinceLastRr, ExtendedReport
from miso.worker.rtcp.feedback import Fir, Nack, Pli
from miso.worker.rtcp.ntp import compact_duration, compact_ntp
from miso.worker.rtcp.reports import SenderReport
from tests.scenarios.encoding import PAYLOAD_BYTES, Encoding
from tests.scenarios.scene import Endpoint
from tests.worker.rtp.packets import RtpPacket, rtp

CLOCK_RATE = 90_000
HISTORY_PACKETS = 1_000
KEY_FRAME_FACTOR = 4
REPORT_US = 1_000_000
# What the worker cannot see of a frame: which it is, in which encoding, the packet's place in it, when it was taken.
STAMP = struct.Struct("!IBHHQ")
TEMPORAL_PATTERNS = {1: (0,), 2: (0, 1), 3: (0, 2, 1, 2)}
# Frames of the three-layer pattern that lean on the base layer alone (RFC 7741, the Y bit).
SYNC_PLACES = {1: (), 2: (1,), 3: (1, 2)}


class Camera:
    """Sends one or more encodings of the same pictures."""

    def __init__(
        self, endpoint: Endpoint, encodings: list[Encoding] | None = None, *, fps: int = 30, temporal_layers: int = 1
    ) -> None:
        self.encodings = encodings or [Encoding()]
        self.frames = 0
        self.captured_us: dict[int, int] = {}
        self._endpoint = endpoint
        self._frame_us = 1_000_000 // fps
        self._pattern = TEMPORAL_PATTERNS[temporal_layers]
        self._sync_places = SYNC_PLACES[temporal_layers]
        self._begin_us = self._next_frame_us = endpoint.scene.now_us
        self._next_report_us = self._begin_us + REPORT_US // 4
        self.running = True
        endpoint.actors.append(self)

    def encoding(self, ssrc: int) -> Encoding | None:
        """The encoding with this SSRC."""
        return next((encoding for encoding in self.encodings if encoding.ssrc == ssrc), None)

    # ------------------------------------------------------------ out

    def tick(self, now_us: int) -> None:
        """Sends a picture when it is time for one, and reports."""
        if not self.running:
            return
        if now_us >= self._next_frame_us:
            self._next_frame_us += self._frame_us
            self.captured_us[self.frames] = now_us
            place = self.frames % len(self._pattern)
            for encoding in self.encodings:
                if encoding.enabled:
                    self._send_frame(encoding, place, now_us)
            self.frames += 1
        if now_us >= self._next_report_us:
            self._next_report_us += REPORT_US
            for encoding in self.encodings:
                if encoding.enabled and encoding.packets:
                    timestamp = self._timestamp(encoding, now_us)
                    self._endpoint.send_rtcp(
                        SenderReport(
                            encoding.ssrc, self._endpoint.scene.ntp(), timestamp, encoding.packets, encoding.octets
                        )
                    )

    def _timestamp(self, encoding: Encoding, now_us: int) -> int:
        return (encoding.timestamp_offset + (now_us - self._begin_us) * CLOCK_RATE // 1_000_000) & 0xFFFFFFFF

    def _send_frame(self, encoding: Encoding, place: int, now_us: int) -> None:
        layer = self._pattern[place]
        is_key = encoding.key_frame_wanted and layer == 0
        if is_key:
            encoding.key_frame_wanted = False
            encoding.key_frames += 1
            encoding.key_index += 1
        encoding.picture_id = (encoding.picture_id + 1) & 0x7FFF
        encoding.tl0_picture_index = (encoding.tl0_picture_index + (layer == 0)) & 0xFF
        count = encoding.packets_of_frame * (KEY_FRAME_FACTOR if is_key else 1)
        for index in range(count):
            payload = self._payload(encoding, place, index, count, is_key, now_us)
            packet = bytearray(
                rtp(
                    encoding.sequence_number,
                    payload,
                    ssrc=encoding.ssrc,
                    payload_type=96,
                    timestamp=self._timestamp(encoding, now_us),
                )
            )
            packet[1] |= 0x80 if index == count - 1 else 0
            encoding.history[encoding.sequence_number] = bytes(packet)
            if len(encoding.history) > HISTORY_PACKETS:
                encoding.history.popitem(last=False)
            encoding.sequence_number = (encoding.sequence_number + 1) & 0xFFFF
            encoding.packets += 1
            encoding.octets += len(payload)
            self._endpoint.send_rtp(bytes(packet))

    def _payload(self, encoding: Encoding, place: int, index: int, count: int, is_key: bool, now_us: int) -> bytes:
        #  |X|R|N|S|R| PID | |I|L|T|K| RSV | |M| PictureID (15) | TL0PICIDX | |TID|Y| KEYIDX |   (RFC 7741 section 4.2)
        layer, sync = self._pattern[place], place in self._sync_places
        descriptor = struct.pack(
            "!BBHBB",
            0x90 if index == 0 else 0x80,
            0xF0,
            0x8000 | encoding.picture_id,
            encoding.tl0_picture_index,
            layer << 6 | sync << 5 | encoding.key_index & 31,
        )
        frame_head = (b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" if is_key else b"\x11") if index == 0 else b""
        head = descriptor + frame_head + STAMP.pack(self.frames, self.encodings.index(encoding), index, count, now_us)
        return head + bytes(PAYLOAD_BYTES - len(head))

    # ------------------------------------------------------------ in

    def on_rtp(self, packet: RtpPacket, now_us: int) -> None:
        """A camera watches nothing."""

    def on_rtcp(self, packet: Packet, now_us: int) -> None:
        """Answers NACK, PLI, FIR and the receiver's reference time."""
        match packet:
            case Nack(_, media_ssrc, numbers) if encoding := self.encoding(media_ssrc):
                for number in numbers:
                    self._resend(encoding, number)
            case Pli(_, media_ssrc) if encoding := self.encoding(media_ssrc):
                encoding.key_frame_wanted = True
            case Fir(_, _, entries):
                for ssrc, _ in entries:
                    if encoding := self.encoding(ssrc):
                        encoding.key_frame_wanted = True
            case ExtendedReport(ssrc, reference_ntp) if reference_ntp is not None:
                echo = DelaySinceLastRr(ssrc, compact_ntp(reference_ntp), compact_duration(0))
                self._endpoint.send_rtcp(ExtendedReport(self.encodings[0].ssrc, None, (echo,)))
            case _:
                pass

    def _resend(self, encoding: Encoding, number: int) -> None:
        encoding.asked[number] += 1
        original = encoding.history.get(number)
        if original is None:
            return
        encoding.rtx_packets += 1
        packet = bytearray(original[:12] + struct.pack("!H", number) + original[12:])
        packet[1] = packet[1] & 0x80 | 97
        struct.pack_into("!H", packet, 2, encoding.rtx_sequence)
        struct.pack_into("!I", packet, 8, encoding.rtx_ssrc)
        encoding.rtx_sequence = (encoding.rtx_sequence + 1) & 0xFFFF
        self._endpoint.send_rtp(bytes(packet))
