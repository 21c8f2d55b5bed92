"""Media ports where the kernel takes the ports of outgoing connections from: kept, and named when they are gone.

Any program's connection to somewhere may get the port of a worker that is not there at the moment, and then nobody
else can listen on it (ip(7), ``ip_local_port_range``). The kernel passes over ports that are bound, on whatever
address: so we bind them on one that nobody uses, and workers still bind them on theirs.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

HOLDING_ADDRESS = "127.255.255.254"
"""Of this machine, and nobody's."""

_SETTINGS = Path("/proc/sys/net/ipv4")
_CONNECTIONS = {"tcp": "TCP", "tcp6": "TCP", "udp": "UDP", "udp6": "UDP"}
_WILDCARDS = ("0.0.0.0", "::")
_TCP_LISTEN = "0A"
"""State in /proc/net/tcp (``TCP_LISTEN`` of include/net/tcp_states.h)."""


class HeldPorts:
    """Ports that no outgoing connection gets, as long as this is open.

    Args:
        ports: The ports; those that cannot be held at the moment are passed over.
        ips: The addresses that media listens on. UDP on all addresses leaves no place to hold a port beside it.
    """

    def __init__(self, ports: Sequence[int], ips: Sequence[str]) -> None:
        kinds = [socket.SOCK_STREAM]
        if "0.0.0.0" not in ips:
            kinds.append(socket.SOCK_DGRAM)
        self._sockets = contextlib.ExitStack()
        for port in ports:
            for kind in kinds:
                with contextlib.suppress(OSError):  # somebody has it: who needs the port, names him
                    self._hold(kind, port)

    def close(self) -> None:
        """Lets them go."""
        self._sockets.close()

    def _hold(self, kind: socket.SocketKind, port: int) -> None:
        held = socket.socket(socket.AF_INET, kind)
        try:
            if kind == socket.SOCK_STREAM:  # it never listens: who does, on all addresses, may have the port beside it
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind((HOLDING_ADDRESS, port))
        except OSError:
            held.close()
            raise
        self._sockets.enter_context(held)


def outgoing_ports() -> range:
    """The ports that outgoing connections get; none where the kernel does not say."""
    try:
        lowest, highest = (_SETTINGS / "ip_local_port_range").read_text().split()
    except (OSError, ValueError):
        return range(0)
    return range(int(lowest), int(highest) + 1)


def holder_of(port: int) -> str:
    """Who has a port, in words; empty when nobody is seen to have it."""
    found = [_in_words(_CONNECTIONS[file], *fields) for file, *fields in _sockets_on(port)]
    return ", ".join(dict.fromkeys(found))


def _in_words(protocol: str, remote: str, state: str) -> str:
    if remote:
        return f"a {protocol} connection to {remote}"
    if protocol == "TCP" and state != _TCP_LISTEN:
        return "a TCP socket"
    return f"a program that listens on {protocol}"


def _sockets_on(port: int) -> Iterator[tuple[str, str, str]]:
    """File, remote ``ip:port`` (empty: none), and state of each socket with that local port, but those that hold it."""
    for file in _CONNECTIONS:
        try:
            lines = Path("/proc/net", file).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, local, remote, state, *_ = line.split()
            ip, _, local_port = local.partition(":")
            if int(local_port, 16) != port or _address(ip) == HOLDING_ADDRESS:
                continue
            remote_ip, _, remote_port = remote.partition(":")
            yield file, f"{_address(remote_ip)}:{int(remote_port, 16)}" if int(remote_port, 16) else "", state


def _address(text: str) -> str:
    """The address in /proc/net/tcp's form: words of 32 bits in this machine's order, as hexadecimal digits."""
    packed = b"".join(
        int(text[start : start + 8], 16).to_bytes(4, "little" if socket.ntohl(1) != 1 else "big")
        for start in range(0, len(text), 8)
    )
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
