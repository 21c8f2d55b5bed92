"""How much recordings may take of the disk. Asked in the threads that write, not in the event loop."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

_LOOK_EVERY_BYTES = 16_000_000


class NoSpaceError(OSError):
    """What the settings allow is used up; the text says which."""


class Space:
    """The room for all recordings of one folder.

    Args:
        folder: Where they are.
        max_bytes: All files in it together; 0: no bound.
        keep_free_bytes: What stays free on its disk.
    """

    def __init__(self, folder: Path, max_bytes: int, keep_free_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_free_bytes = keep_free_bytes
        self._lock = threading.Lock()
        self._used_bytes = 0
        # What may be written before it is looked again.
        self._free_to_write = 0

    def look(self) -> None:
        """Counts anew what is in the folder: before a file is made. Raises NoSpaceError if there is no room for one."""
        used = _size_of(self._folder) if self._max_bytes else 0
        with self._lock:
            self._used_bytes = used
            self._free_to_write = 0
        self.take(0)

    def take(self, size_bytes: int) -> None:
        """Asks for that much; raises NoSpaceError if it is not there, OSError if the folder is not."""
        with self._lock:
            if self._max_bytes and self._used_bytes + size_bytes > self._max_bytes:
                raise NoSpaceError(f"recordings have {self._used_bytes} bytes, at most {self._max_bytes} are allowed")
            if self._keep_free_bytes and size_bytes >= self._free_to_write:
                free = shutil.disk_usage(self._folder).free - size_bytes
                if free < self._keep_free_bytes:
                    raise NoSpaceError(f"the disk has {free} bytes free, {self._keep_free_bytes} are to be kept")
                self._free_to_write = min(_LOOK_EVERY_BYTES, free - self._keep_free_bytes)
            self._free_to_write -= size_bytes
            self._used_bytes += size_bytes


def _size_of(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue  # somebody has just removed it
    return total
