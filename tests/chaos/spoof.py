"""Datagrams with a foreign source address: IPv4 and UDP headers of our own over a raw socket (RFC 791, RFC 768)."""

from __future__ import annotations

import socket
import struct


class Spoofer:
    """Sends UDP as if from anywhere. Needs CAP_NET_RAW: raises PermissionError without."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._socket.setblocking(False)

    def send(self, data: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
        """Sends a datagram; what the kernel does not take is lost."""
        udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0) + data  # 0: no checksum
        head = struct.pack(
            "!BBHHHBBH4s4s",
            0x45,
            0,
            20 + len(udp),
            0,
            0,
            64,
            socket.IPPROTO_UDP,
            0,  # the kernel sums
            socket.inet_aton(source[0]),
            socket.inet_aton(destination[0]),
        )
        try:
            self._socket.sendto(head + udp, (destination[0], 0))
        except BlockingIOError:
            return

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()
