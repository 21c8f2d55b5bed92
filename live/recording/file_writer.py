"""Writes one file in a thread of its own, so that a slow disk holds up nobody but the file."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from miso.live.recording.container import Patch
from miso.live.recording.space import Space

_MAX_SAME_NAMES = 1_000
_MODE = 0o644

Patches = Callable[[int], Sequence[Patch]]
"""What to write over the beginning of a file of that size."""


@dataclass(frozen=True, slots=True)
class Written:
    """How a file ended.

    Attributes:
        path: The file; None if it could not be made.
        size_bytes: Of it.
        error: What went wrong; empty if nothing did.
    """

    path: Path | None
    size_bytes: int
    error: str = ""


class FileWriter:
    """A file in the making. All methods return at once.

    Args:
        folder: What the file stays within.
        name: Of the file, relative to the folder, without its ending. Where there is one already, another is made.
        suffix: The ending.
        space: How much may be written.
        on_failure: Called in the thread, at most once, when nothing more can be written; to be closed all the same.
        on_end: Called in the thread, once, when the file is closed.
    """

    def __init__(
        self,
        folder: Path,
        name: PurePosixPath,
        suffix: str,
        space: Space,
        on_failure: Callable[[], None],
        on_end: Callable[[Written], None],
    ) -> None:
        self._folder = folder
        self._name = name
        self._suffix = suffix
        self._space = space
        self._on_failure = on_failure
        self._on_end = on_end
        self._queue: queue.SimpleQueue[bytes | Patches] = queue.SimpleQueue()
        self._given_bytes = 0
        self._taken_bytes = 0  # the thread's; the loop only reads it
        # A disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=f"recording {name}", daemon=True)
        self._thread.start()

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._given_bytes - self._taken_bytes

    def write(self, data: bytes) -> None:
        """Appends to the file."""
        if data:
            self._given_bytes += len(data)
            self._queue.put(data)

    def close(self, patches: Patches) -> None:
        """Ends the file when all is written.

        Args:
            patches: Asked in the thread. A failed file gets them, too, so that what there is of it is of use.
        """
        self._queue.put(patches)

    def _run(self) -> None:
        path: Path | None = None
        size = 0
        error = ""
        try:
            path, file = self._open()
        except OSError as problem:
            self._on_failure()
            self._until_closed()
            self._on_end(Written(None, 0, _said(problem)))
            return
        with file:
            patches: Patches | None = None
            try:
                while isinstance(item := self._queue.get(), bytes):
                    self._space.take(len(item))
                    _write_all(file, item)
                    size += len(item)
                    self._taken_bytes += len(item)
                patches = item
            except OSError as problem:
                error = _said(problem)
                self._on_failure()
            try:
                _complete(file, size, patches or self._until_closed())
            except OSError as problem:
                error = error or _said(problem)
        self._on_end(Written(path, size, error))

    def _until_closed(self) -> Patches:
        """Throws away what was still to be written."""
        while isinstance(item := self._queue.get(), bytes):
            self._taken_bytes += len(item)
        return item

    def _open(self) -> tuple[Path, BinaryIO]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._space.look()
        folder = self._folder.resolve()
        parent = folder / self._name.parent
        # A link on the way may lead elsewhere: look before each folder is made.
        for step in [*reversed(self._name.parent.parents), self._name.parent]:
            if not (folder / step).resolve().is_relative_to(folder):
                raise PermissionError(f"{folder / step} leads out of {folder}")
            (folder / step).mkdir(exist_ok=True)
        for number in range(1, _MAX_SAME_NAMES):
            ending = self._suffix if number == 1 else f"-{number}{self._suffix}"
            path = parent / (self._name.name + ending)
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
            except FileExistsError:
                continue
            return path, os.fdopen(descriptor, "wb", buffering=0)
        raise FileExistsError(f"{parent / self._name.name} is there {_MAX_SAME_NAMES} times")


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered file takes a part only when the disk is nearly full."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _complete(file: BinaryIO, size: int, patches: Patches) -> None:
    """Leaves nothing behind the last whole piece, and says at the beginning what the end is."""
    file.truncate(size)
    for patch in patches(size):
        if patch.offset + len(patch.data) <= size:
            file.seek(patch.offset)
            _write_all(file, patch.data)


def _said(problem: OSError) -> str:
    return problem.strerror or str(problem)
