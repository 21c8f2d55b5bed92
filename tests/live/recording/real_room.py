"""Records a room in real time, and says how far apart picture and sound are in the files.

``python -m tests.live.recording.real_room [SECONDS [FOLDER]]``: a person in a room of a real worker flashes and beeps
once a second, by RTP, for five minutes unless another length is given. The sound leaves 200 ms after the pictures, and
its clock is 500 ppm too fast (five times as much as a poor sound card's): after five minutes whoever ignores the
sender's reports is 150 ms off. The room is recorded as MP4 and as FLV at the same time. It fails when a beep is further
from its flash than 80 ms.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from miso import create_worker
from miso.demo.workers.media_workers import MEDIA_CODECS
from miso.live.bridge.plugin import with_rooms
from miso.live.bridge.settings import RoomsSettings
from miso.live.engine.services import make_live
from miso.live.engine.settings import LiveSettings
from miso.live.recording.plugin import RecordingPlugin
from miso.live.recording.recording import Recording, State
from miso.live.recording.settings import Format, RecordingSettings
from tests.live.bridge.camera import Camera
from tests.live.bridge.one_room import OneRoom
from tests.live.recording.skew import skews_ms

MAX_SKEW_MS = 80
DRIFT = 500e-6
LATE_S = 0.2
_MINUTE_S = 60


async def record(folder: Path, seconds: float) -> list[Recording]:
    """Records a room as MP4 and FLV.

    Args:
        folder: Where to.
        seconds: How long.

    Returns:
        The recordings, which are complete.
    """
    live = make_live(LiveSettings(), asyncio.get_running_loop(), time.time)
    async with await create_worker(log_level="warn") as worker:
        room = OneRoom(await worker.create_router(media_codecs=MEDIA_CODECS))
        rooms = with_rooms(room)(live, RoomsSettings(on_demand=True))
        recording = RecordingPlugin(live, RecordingSettings(folder=folder, keep_free_bytes=0))
        await rooms.start()
        await recording.start()
        ana = Camera(room.router, "ana")
        ana.audio_late_s, ana.sound_drift = LATE_S, DRIFT
        await ana.open(seconds=seconds + 5)
        room.put("ana", ana.producers)
        recordings = [recording.recorder.start("rooms/r", format) for format in Format]
        try:
            await asyncio.sleep(seconds)
        finally:
            ana.close()
            await recording.stop()
            await rooms.stop()
            live.streams.close()
    return recordings


def worst_ms(path: Path) -> int:
    """Prints each minute's skews, and returns the largest one."""
    skews = skews_ms(path)
    assert skews, f"nobody beeps in {path}"
    for begin_s in range(0, int(skews[-1][0]) + 1, _MINUTE_S):
        some = [skew for time_s, skew in skews if begin_s <= time_s < begin_s + _MINUTE_S]
        if some:
            minute = begin_s // _MINUTE_S + 1
            print(f"{path.name}: minute {minute}: {len(some)} beeps, {min(some)} to {max(some)} ms after their flashes")
    return max(abs(skew) for _, skew in skews)


def main(seconds: float, folder: Path) -> int:
    """Returns what the process ends with."""
    recordings = asyncio.run(record(folder, seconds))
    for recording in recordings:
        print(
            f"{recording}: {recording.state.value}, {recording.duration_ms / 1_000:.1f} s, {recording.size_bytes} bytes"
        )
        assert recording.state is State.DONE, recording.detail
    worst = max(worst_ms(folder / file.name) for recording in recordings for file in recording.files)
    print(f"picture and sound are at most {worst} ms apart, {MAX_SKEW_MS} ms are allowed")
    return 0 if worst <= MAX_SKEW_MS else 1


if __name__ == "__main__":
    length_s = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    if len(sys.argv) > 2:
        sys.exit(main(length_s, Path(sys.argv[2])))
    with tempfile.TemporaryDirectory() as made:
        sys.exit(main(length_s, Path(made)))
