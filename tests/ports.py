"""Ports for programs that cannot take just any: those which the system gives to whoever asks for any lie above these.

A browser, and tests in other processes, ask for many of those, also while a server that is to come back is away.
"""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 15_000, 32_000
"""Debian's range for clients begins at 32,768 (``net.ipv4.ip_local_port_range``)."""


def free_ports(count: int = 1) -> int:
    """The first of so many ports in a row that nothing uses on 127.0.0.1, neither for TCP nor for UDP."""
    while True:
        first = random.randrange(LOWEST, HIGHEST - count)
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
