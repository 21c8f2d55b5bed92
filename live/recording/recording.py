"""One stream being recorded: when files begin and end, and what becomes of it all."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from miso.live.errors import LiveError
from miso.live.media.codec import Kind, TrackId
from miso.live.media.packet import Packet
from miso.live.recording.container import Beginning, Container
from miso.live.recording.file_name import file_name
from miso.live.recording.file_writer import FileWriter, Written
from miso.live.recording.flv_container import FlvContainer
from miso.live.recording.mp4_container import Mp4Container
from miso.live.recording.recording_file import RecordingFile
from miso.live.recording.settings import Format, RecordingSettings
from miso.live.recording.space import Space
from miso.live.sessions.session import EndReason
from miso.live.streams.stream import Stream
from miso.live.streams.subscription import Start
from miso.live.streams.track import Track

logger = logging.getLogger(__name__)

STREAM_OVER: Final = "the stream is over"
"""Why most recordings end."""
MAX_FILES_A_MINUTE: Final = 30
"""A recording that would need more is given up."""
_MINUTE_S: Final = 60.0
_MS_PER_S = 1_000
_CONTAINERS: dict[Format, Callable[[dict[TrackId, Beginning], int], Container]] = {
    Format.MP4: Mp4Container,
    Format.FLV: FlvContainer,
}
_KINDS = (Kind.AUDIO, Kind.VIDEO)


class State(Enum):
    """What a recording does.

    WAITING: For the stream's tracks, or for a key frame.
    RECORDING: It has a file.
    FINISHING: Nothing more is taken; the disk has not got all of it yet.
    DONE: All is written.
    FAILED: It ended early; what had been written until then is there.
    """

    WAITING = "waiting"
    RECORDING = "recording"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class FileReport:
    """One file of a recording.

    Attributes:
        name: Relative to the folder; empty if it is not known yet.
        size_bytes: Of it.
        duration_ms: Of it.
        error: What went wrong with it; empty if nothing did.
        is_closed: Whether it is complete.
    """

    name: str = ""
    size_bytes: int = 0
    duration_ms: int = 0
    error: str = ""
    is_closed: bool = False


class Recording:
    """A stream being recorded.

    Attributes:
        id: Which one, for people and the API.
        path: The stream's.
        format: What files are.
        files: Those that it has made, in their order.
        left_out: Tracks that no file has, because its format has no form of their codec.
        detail: Why it ended; empty while it goes on.
        end_reason: The same as sessions have it; what it is before the end says nothing.
        started_s: Unix time.
        ended_s: Unix time; None while it goes on.

    Args:
        stream: The stream.
        settings: Of all recordings.
        space: How much may be written.
        unix_s: Unix time.
        now_s: The time, in seconds; of a clock that never goes back.
        on_begin: Called once, when its first file begins.
        on_end: Called once, when all is written or it failed.
    """

    def __init__(
        self,
        id: str,
        stream: Stream,
        format: Format,
        settings: RecordingSettings,
        space: Space,
        unix_s: Callable[[], float],
        now_s: Callable[[], float],
        on_begin: Callable[[], None],
        on_end: Callable[[Recording], None],
    ) -> None:
        self.id = id
        self.path = stream.path
        self.format = format
        self.files: list[FileReport] = []
        self.left_out: set[TrackId] = set()
        self.detail = ""
        self.end_reason = EndReason.DONE
        self.started_s = unix_s()
        self.ended_s: float | None = None
        self._stream = stream
        self._settings = settings
        self._space = space
        self._unix_s = unix_s
        self._now_s = now_s
        self._on_begin = on_begin
        self._on_end = on_end
        self._configs: dict[TrackId, Packet] = {}
        self._file: RecordingFile | None = None
        self._reading = True
        self._failed = False
        self._open_files = 0
        self._begun_s: deque[float] = deque(maxlen=MAX_FILES_A_MINUTE)  # when the latest files began
        self._loop = asyncio.get_running_loop()
        self._finished = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"recording {id}")
        self._task.add_done_callback(self._stopped_reading)

    def __str__(self) -> str:
        """As the log has it."""
        return f"recording={self.id} stream={self.path} format={self.format.value}"

    @property
    def state(self) -> State:
        """What it does."""
        if self.ended_s is not None:
            return State.FAILED if self._failed else State.DONE
        if not self._reading:
            return State.FINISHING
        return State.WAITING if self._file is None else State.RECORDING

    @property
    def size_bytes(self) -> int:
        """Of all its files so far."""
        return sum(report.size_bytes for report in self.files)

    @property
    def duration_ms(self) -> int:
        """Of all its files so far."""
        return sum(report.duration_ms for report in self.files)

    def stop(self, why: str = "stopped") -> None:
        """Takes nothing more: files are completed."""
        if self._reading:
            self.detail = why
            self._task.cancel()

    async def wait(self) -> None:
        """Returns when all is written."""
        await self._finished.wait()

    async def _run(self) -> None:
        try:
            await self._read()
            self.end_reason = self.end_reason if self.detail else EndReason.STREAM_ENDED
            self.detail = self.detail or STREAM_OVER
        except LiveError as error:  # the stream ended before it had anything to record, say
            self._fail(str(error), EndReason.of(error))
        except Exception:  # an edge: a bug here costs this recording
            logger.exception("%s: failed", self)
            self._fail("internal error", EndReason.INTERNAL)

    def _stopped_reading(self, task: asyncio.Task[None]) -> None:
        """Also when the task was cancelled before it began."""
        if task.cancelled():
            self.detail = self.detail or "stopped"
        self._reading = False
        self._close_file()
        self._look_whether_finished()

    async def _read(self) -> None:
        await self._stream.wait_for_tracks()
        subscription = self._stream.subscribe(Start.FAST, _KINDS)
        while not self._failed and (reading := await subscription.next()) is not None:
            if reading.skipped:
                self._configs.clear()  # some may have been among what was missed
            self._take(reading.packet)

    def _take(self, packet: Packet) -> None:
        if packet.is_config:
            self._configs[packet.track] = packet
        elif not packet.is_end and self._begins_file(packet):
            self._close_file()
            if self._may_begin_file():
                self._begin_file(packet)
        file = self._file
        if file is None:
            return
        file.add(packet)
        report = self.files[-1]
        report.size_bytes, report.duration_ms = file.size_bytes, file.duration_ms
        if file.queued_bytes > self._settings.max_queued_bytes:
            self._fail(f"the disk is too slow: {file.queued_bytes} bytes wait for it", EndReason.TOO_SLOW)

    def _begins_file(self, packet: Packet) -> bool:
        """Whether a file is to begin with this frame."""
        video = next((track.id for track in self._tracks() if track.id.kind is Kind.VIDEO), None)
        if video is not None and not (packet.track == video and packet.is_key):
            return False
        file = self._file
        if file is None or file.is_outdated or packet.track not in file.tracks:
            return True
        settings = self._settings
        return 0 < settings.cut_s * _MS_PER_S <= file.duration_ms or 0 < settings.cut_bytes <= file.size_bytes

    def _may_begin_file(self) -> bool:
        """Each file has a thread while it is open; a publisher decides how often another one is needed."""
        now_s = self._now_s()
        if len(self._begun_s) == MAX_FILES_A_MINUTE and now_s - self._begun_s[0] < _MINUTE_S:
            self._fail(f"the stream needs more than {MAX_FILES_A_MINUTE} files a minute: its configuration changes")
            return False
        self._begun_s.append(now_s)
        return True

    def _begin_file(self, first: Packet) -> None:
        tracks: dict[TrackId, Beginning] = {}
        for track in self._tracks():
            config = self._configs.get(track.id, track.config)
            frame = first if track.id == first.track else _latest_frame(track) or config
            if frame is not None:
                tracks[track.id] = Beginning(config, frame)
        container = _CONTAINERS[self.format](tracks, first.dts_ms)
        report = FileReport()
        self.files.append(report)
        name = file_name(self._settings.file_name, self.path, self._unix_s(), len(self.files))
        writer = FileWriter(
            self._settings.folder,
            name,
            f".{self.format.value}",
            self._space,
            partial(self._tell, self._file_failed, report),
            partial(self._tell, self._file_ended, report),
        )
        self._open_files += 1
        self._file = RecordingFile(container, writer, tracks)
        self.left_out |= container.left_out
        logger.info("%s: begins file %d, %s", self, len(self.files), name)
        if len(self.files) == 1:
            self._on_begin()

    def _tracks(self) -> list[Track]:
        return [track for track in self._stream.tracks.values() if track.id.kind in _KINDS and not track.ended]

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
            report = self.files[-1]
            report.size_bytes, report.duration_ms = file.size_bytes, file.duration_ms

    def _fail(self, why: str, reason: EndReason = EndReason.REFUSED) -> None:
        if not self._failed:
            self._failed = True
            self.detail = why
            self.end_reason = reason

    def _tell(self, callback: Callable[..., None], report: FileReport, *values: object) -> None:
        """From a writing thread to the loop."""
        try:
            self._loop.call_soon_threadsafe(callback, report, *values)
        except RuntimeError:  # the loop has ended, and nobody asks any more
            logger.warning("%s: a file ended after the server", self)

    def _file_failed(self, report: FileReport) -> None:
        """Its end will say why."""
        self._failed = True
        if self._reading:
            self._task.cancel()

    def _file_ended(self, report: FileReport, written: Written) -> None:
        self._open_files -= 1
        report.is_closed = True
        report.size_bytes = written.size_bytes
        report.error = written.error
        if written.path is not None:
            report.name = written.path.relative_to(self._settings.folder.resolve()).as_posix()
        if written.error:
            self._failed = True
            self.detail = written.error
            self.end_reason = EndReason.REFUSED
        self._look_whether_finished()

    def _look_whether_finished(self) -> None:
        if self._reading or self._open_files or self.ended_s is not None:
            return
        self.ended_s = self._unix_s()
        log = logger.warning if self._failed else logger.info
        log("%s: %s, %s, files=%d bytes=%d", self, self.state.value, self.detail, len(self.files), self.size_bytes)
        self._finished.set()
        self._on_end(self)


def _latest_frame(track: Track) -> Packet | None:
    """A key frame where there is one."""
    ring = track.ring
    if ring.newest_key is not None:
        return ring.at(ring.newest_key).packet
    return None
