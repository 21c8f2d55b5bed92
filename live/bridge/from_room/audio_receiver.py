"""A room's sound as packets of a live stream: as AAC or as the Opus that it is, with silence where nothing comes.

Many players stop when one of a stream's tracks stops. A microphone that is switched off sends nothing, so silence takes
its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final

from miso.live.bridge.from_room.opus_silence import SILENCE, OpusSilence
from miso.live.bridge.from_room.received_stream import ReceivedStream, Timed
from miso.live.bridge.rtp.rtcp import SenderReport
from miso.live.bridge.rtp.rtp_packet import RtpPacket
from miso.live.bridge.transcoding.audio_transcoder import AAC, Sound, TimedPayload
from miso.live.bridge.transcoding.worker_thread import TranscodedTrack, TranscodingThread
from miso.live.media.codec import Codec, Kind, TrackId
from miso.live.media.opus import OpusHead
from miso.live.media.packet import Packet

RATE_HZ: Final = 48_000
SILENT_AFTER_S: Final = 0.4
"""Since so long nothing has come: a microphone is off. A browser that hears nothing still sends every 0.4 s (DTX)."""
BEHIND_S: Final = 0.5
"""Silence is made up to so long ago; what comes later than that is too late."""
_AUDIO = TrackId(Kind.AUDIO)


class SoundForm(Enum):
    """How a live stream has a room's sound.

    AAC: Converted: every player takes it.
    OPUS: As it is: for players of enhanced RTMP and FLV, and for HLS.
    """

    AAC = "aac"
    OPUS = "opus"


class AudioReceiver:
    """Of whoever is heard; who that is may change.

    Args:
        form: What it becomes.
        thread: Where it is converted.
        write: Gets the live stream's packets.
    """

    def __init__(self, form: SoundForm, thread: TranscodingThread, write: Callable[[Packet], None]) -> None:
        self._form = form
        self._write = write
        self._stream = ReceivedStream(RATE_HZ)
        self._config: bytes | None = None
        self._last_s: float | None = None
        self._silence = OpusSilence()
        self._converted = TranscodedTrack(thread, Codec.OPUS, b"", AAC, self._on_sound)

    @property
    def lost(self) -> int:
        """RTP packets that never came, of who is heard now."""
        return self._stream.lost

    @property
    def broken(self) -> int:
        """Packets that could not be decoded."""
        return self._converted.broken

    def begin_source(self, now_s: float) -> None:
        """Somebody else is heard from now on, or somebody at all."""
        self._stream = ReceivedStream(RATE_HZ)
        if self._last_s is None:
            self._last_s = now_s

    async def run(self) -> None:
        """Converts until it is cancelled.

        Raises:
            RefusedError: It cannot be.
        """
        if self._form is SoundForm.AAC:
            await self._converted.run()

    def report(self, report: SenderReport) -> None:
        """What its sender says of its clock."""
        self._stream.report(report)

    def put(self, packet: RtpPacket, now_s: float, unix_s: float) -> None:
        """Takes an RTP packet in."""
        self._take(self._stream.put(packet, now_s, unix_s), now_s)

    def due(self, now_s: float, unix_s: float) -> None:
        """Waits no longer for what is missing; silence takes the place of what does not come at all."""
        self._take(self._stream.due(now_s, unix_s), now_s)
        if self._last_s is None or now_s - self._last_s <= SILENT_AFTER_S:
            return
        silent_until_ms = round(1_000 * (unix_s - BEHIND_S))
        if self._form is SoundForm.AAC:
            self._converted.silent_until(silent_until_ms)
        else:
            self._write_silence(self._silence.until(silent_until_ms))

    def _take(self, packets: Iterable[Timed], now_s: float) -> None:
        for packet, _, time_ms in packets:
            self._last_s = now_s
            if not packet.payload:
                continue
            if self._form is SoundForm.AAC:
                self._converted.put(TimedPayload(time_ms, packet.payload))
            elif not self._silence.is_late(time_ms):
                self._write_silence(self._silence.before(time_ms, packet.payload))
                self._write_opus(time_ms, packet.payload)

    def _write_silence(self, times_ms: Iterable[int]) -> None:
        for time_ms in times_ms:
            self._write_opus(time_ms, SILENCE)

    def _write_opus(self, time_ms: int, payload: bytes) -> None:
        self._configure(Codec.OPUS, OpusHead().to_bytes(), time_ms)
        self._write(Packet(_AUDIO, Codec.OPUS, time_ms, payload, is_key=True))

    def _on_sound(self, config: bytes, sounds: list[Sound]) -> None:
        for sound in sounds:
            self._configure(Codec.AAC, config, sound.time_ms)
            self._write(Packet(_AUDIO, Codec.AAC, sound.time_ms, sound.payload, is_key=True))

    def _configure(self, codec: Codec, config: bytes, time_ms: int) -> None:
        if self._config != config:
            self._config = config
            self._write(Packet(_AUDIO, codec, time_ms, config, is_config=True))
