"""The descriptors to the controller, and the first thing that is said on them.

A controller waits for ``running``, some of them for no more than a second, and on a loaded machine a second is little.
So this imports nothing that takes time, and what the worker needs to obey is loaded after it was said: commands that
come meanwhile wait in the pipe.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

CHANNEL_IN, CHANNEL_OUT, PAYLOAD_IN, PAYLOAD_OUT = 3, 4, 5, 6
_LENGTH_SIZE = 4


def check() -> None:
    """Raises ``OSError`` when one of the descriptors is not open, or is neither a pipe nor a socket."""
    for fd in (CHANNEL_IN, CHANNEL_OUT, PAYLOAD_IN, PAYLOAD_OUT):
        mode = os.fstat(fd).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            raise OSError(errno.EINVAL, f"descriptor {fd} is neither a pipe nor a socket")


def say_running() -> bool:
    """Tells the controller that the process is there and will obey.

    Returns:
        False when it could not be said: the pipe is full, or nobody is there to hear it.
    """
    body = b'{"targetId":%d,"event":"running"}' % os.getpid()
    framed = len(body).to_bytes(_LENGTH_SIZE, sys.byteorder) + body
    try:
        return os.write(CHANNEL_OUT, framed) == len(framed)
    except (BlockingIOError, ConnectionError):
        return False
