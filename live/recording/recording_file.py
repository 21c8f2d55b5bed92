"""One file of a recording: packets in, bytes to the thread that writes."""

from __future__ import annotations

from miso.live.media.packet import Packet, TrackId
from miso.live.recording.container import Beginnings, Container
from miso.live.recording.file_writer import FileWriter

_WRITE_AT_BYTES = 65_536
_WRITE_AT_MS = 500


class RecordingFile:
    """A file.

    Attributes:
        tracks: Those that were there when it began, whether its format has a form of them or not.

    Args:
        container: Its format.
        writer: Who writes it.
        tracks: What it begins with.
    """

    def __init__(self, container: Container, writer: FileWriter, tracks: Beginnings) -> None:
        self.tracks: frozenset[TrackId] = frozenset(tracks)
        self._container = container
        self._writer = writer
        # Tracks with another configuration than the file can have.
        self._outdated: set[TrackId] = set()
        self._unknown = False
        self._buffer = [container.begin()]
        self._buffered_bytes = 0
        self._written_ms: int | None = None
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """What was given to write."""
        return self._size_bytes

    @property
    def duration_ms(self) -> int:
        return self._container.duration_ms

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._writer.queued_bytes

    @property
    def left_out(self) -> frozenset[TrackId]:
        """Tracks that the format has no form of."""
        return self._container.left_out

    @property
    def is_outdated(self) -> bool:
        """Whether another file is needed for what the stream has now."""
        return bool(self._outdated) or self._unknown or self._container.is_full

    def add(self, packet: Packet) -> None:
        """Takes a packet of any track; what cannot go into this file is left out."""
        track = packet.track
        if track not in self.tracks:
            self._unknown = True
            return
        if packet.is_end:
            return
        if track in self.left_out:
            if packet.is_config:  # with which it may have a form
                self._outdated.add(track)
            return
        if packet.is_config and not self._container.can_go_on(packet):
            self._outdated.add(track)
        if track not in self._outdated:
            self._write(self._container.add(packet), packet.dts_ms)

    def close(self) -> None:
        """Ends it: nothing more is added."""
        self._buffer.append(self._container.finish())
        self._give()
        self._writer.close(self._container.patches)

    def _write(self, data: bytes, now_ms: int) -> None:
        if self._written_ms is None:
            self._written_ms = now_ms
        self._buffer.append(data)
        self._buffered_bytes += len(data)
        if self._buffered_bytes >= _WRITE_AT_BYTES or now_ms - self._written_ms >= _WRITE_AT_MS:
            self._written_ms = now_ms
            self._give()

    def _give(self) -> None:
        data = b"".join(self._buffer)
        self._size_bytes += len(data)
        self._writer.write(data)
        self._buffer = []
        self._buffered_bytes = 0
