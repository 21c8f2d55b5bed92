"""Listening sockets, bound before anything else starts."""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass

from miso.serving.port_error import PortError


@dataclass(frozen=True, slots=True)
class Listening:
    """Listening sockets of one kind; all of them have the same port."""

    sockets: tuple[socket.socket, ...]

    @property
    def port(self) -> int:
        """The port."""
        port: int = self.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Closes the sockets."""
        for bound in self.sockets:
            bound.close()


def listen(host: str, port: int, setting: str) -> Listening:
    """Sockets for everybody.

    Args:
        host: The address; empty: all addresses, IPv6 and IPv4.
        port: The port; 0: a free one.
        setting: Which flag chooses the port, for who reads of it in the error: ``https-port``.

    Raises:
        PortError: The port is taken or not allowed, or the address is not of this machine.
    """
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return Listening((_bind(family, host, port, setting),))
    if _has_ipv6():
        # one socket for both families (RFC 3493 section 5.3)
        return Listening((_bind(socket.AF_INET6, "::", port, setting, both_families=True),))
    return Listening((_bind(socket.AF_INET, "0.0.0.0", port, setting),))


def listen_locally(port: int, setting: str) -> Listening:
    """Sockets for this machine only.

    Args:
        port: The port; 0: a free one.
        setting: As for :func:`listen`.

    Raises:
        PortError: The port is taken or not allowed.
    """
    first = _bind(socket.AF_INET, "127.0.0.1", port, setting)
    if not _has_ipv6():
        return Listening((first,))
    # browsers may take "localhost" for either address
    with contextlib.suppress(PortError):
        return Listening((first, _bind(socket.AF_INET6, "::1", first.getsockname()[1], setting)))
    return Listening((first,))


def _bind(
    family: socket.AddressFamily, host: str, port: int, setting: str, *, both_families: bool = False
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both_families)
        bound.bind((host, port))
        bound.listen(512)
    except OSError as error:
        bound.close()
        another_helps = error.errno in (errno.EADDRINUSE, errno.EACCES)
        advice = f"; choose another with --{setting}" if another_helps else ""
        raise PortError(f"cannot listen on {host} port {port}: {error.strerror}{advice}") from error
    return bound


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
