"""Types of ``poller.pyx``: all UDP sockets of a worker behind one descriptor."""

import asyncio
from collections.abc import Callable

class Poller:
    """The readable ones of many descriptors; has the methods of an event loop that ``LoopSocket`` uses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop watches it as long as it watches something.

        Raises:
            OSError: There is no descriptor left.
        """
    @property
    def fileno(self) -> int:
        """Readable when one of them is, or has an error to tell."""
    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Calls back as long as there is something to read, or an error; once more for a descriptor: only this one.

        Raises:
            OSError: It cannot be watched (epoll_ctl(2)).
        """
    def remove_reader(self, fd: int) -> bool:
        """Does not call back any more; gives whether it would have. To be called before the descriptor is closed."""
    def call_ready(self) -> None:
        """Calls back for what is ready, 64 descriptors at most.

        Once 4 ms are over no other is called: the rest comes first the next time.
        """
