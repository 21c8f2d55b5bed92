"""Where log lines go: to standard error, from a thread, so that nobody who reads it slowly holds up the rooms."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading

from miso.commands.log_lines import LineFormatter

MAX_WAITING_LINES = 10_000
LAST_WORDS_S = 1.0


class LogOutput(logging.Handler):
    """Writes lines to a descriptor.

    A pipe whose reader has stopped takes nothing; a full disk refuses. Lines wait then, and beyond
    ``MAX_WAITING_LINES`` they are dropped; how many is the next line that comes through.
    """

    def __init__(self, descriptor: int = 2) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._dropped = 0
        # a daemon: the process ends even while a reader lets it wait
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Lets a line wait for its turn."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1
        except Exception:  # noqa: BLE001  # who logs must not fail for it, as with every handler of logging
            self.handleError(record)

    def close(self) -> None:
        """Writes what waits, as far as that goes within ``LAST_WORDS_S``."""
        super().close()
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=LAST_WORDS_S)
            self._thread.join(LAST_WORDS_S)

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                line = f"{dropped} log lines were dropped: nobody read them in time\n{line}"
            self._write(f"{line}\n".encode(errors="backslashreplace"))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the disk is full, the reader has gone: there is no other place to say it
            while data:
                data = data[os.write(self._descriptor, data) :]
