"""Finds a port for media that nobody has."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Sequence

from miso.serving.port_error import PortError


def free_port(ips: Sequence[str], lowest: int, highest: int) -> int:
    """A port that nobody has, for UDP and TCP on each of the addresses.

    Somebody may take it before the caller does.

    Raises:
        PortError: There is none, or an address is not of this machine.
    """
    error = OSError("no port")
    for port in random.sample(range(lowest, highest + 1), min(64, highest + 1 - lowest)):
        try:
            with contextlib.ExitStack() as probes:
                for ip in ips:
                    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        probes.enter_context(socket.socket(family, kind)).bind((ip, port))
        except OSError as failed:
            error = failed
        else:
            return port
    raise PortError(f"no free media port from {lowest} to {highest} on {', '.join(ips)}: {error.strerror}")
