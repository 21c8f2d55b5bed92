"""Where sound is converted: a thread, one after another for each track, so that the event loop never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from miso.live.bridge.transcoding.audio_transcoder import AudioTranscoder, Sound, Target, TimedPayload
from miso.live.media.codec import Codec

T = TypeVar("T")
MAX_WAITING: Final = 512
"""Packets of a track that wait for the thread; beyond it the oldest are thrown away. It is ten seconds of sound."""


class TranscodingThread:
    """One thread for all tracks: PyAV leaves the interpreter's lock while it works, 7 ms of CPU a second of sound."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "live-sound")

    async def run(self, work: Callable[[], T]) -> T:
        """Does something in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Takes nothing more; what has begun ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class TranscodedTrack:
    """One track's way through the thread, in its order.

    Attributes:
        dropped: Packets that were thrown away because the thread is too slow.

    Args:
        thread: Where it is done.
        source, config, target: As of :class:`AudioTranscoder`.
        on_sound: Gets what comes out, in the event loop, with the configuration of the target.
    """

    def __init__(
        self,
        thread: TranscodingThread,
        source: Codec,
        config: bytes,
        target: Target,
        on_sound: Callable[[bytes, list[Sound]], None],
    ) -> None:
        self.dropped = 0
        self._thread = thread
        self._make = lambda: AudioTranscoder(source, config, target)
        self._on_sound = on_sound
        self._waiting: list[TimedPayload] = []
        self._silent_until_ms: int | None = None
        self._transcoder: AudioTranscoder | None = None
        self._woken = asyncio.Event()

    @property
    def broken(self) -> int:
        """Packets that could not be decoded."""
        return self._transcoder.broken if self._transcoder is not None else 0

    def put(self, packet: TimedPayload) -> None:
        """A packet to be converted; it does not wait."""
        if len(self._waiting) >= MAX_WAITING:
            del self._waiting[0]
            self.dropped += 1
        self._waiting.append(packet)
        self._silent_until_ms = None
        self._woken.set()

    def silent_until(self, time_ms: int) -> None:
        """Nothing has come until that time."""
        self._silent_until_ms = time_ms
        self._woken.set()

    async def run(self) -> None:
        """Converts until it is cancelled.

        Raises:
            RefusedError: It cannot be.
        """
        transcoder = self._transcoder = await self._thread.run(self._make)
        while True:
            await self._woken.wait()
            self._woken.clear()
            packets, self._waiting = self._waiting, []
            silent_until_ms, self._silent_until_ms = self._silent_until_ms, None

            def work(packets: list[TimedPayload] = packets, until_ms: int | None = silent_until_ms) -> list[Sound]:
                sounds = transcoder.transcode(packets)
                return sounds if until_ms is None else sounds + transcoder.silence_until(until_ms)

            sounds = await self._thread.run(work)
            if sounds:
                self._on_sound(transcoder.config, sounds)
