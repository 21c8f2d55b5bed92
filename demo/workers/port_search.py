"""Finds ports for media, and addresses that cannot have any."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Sequence

from miso.serving.port_error import PortError


def check_addresses(ips: Sequence[str]) -> None:
    """Makes sure that media can listen on them.

    Raises:
        PortError: One is not of this machine.
    """
    for ip in ips:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((ip, 0))
        except OSError as error:
            raise PortError(f"cannot listen on --media-ip {ip}: {error.strerror}") from error


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
