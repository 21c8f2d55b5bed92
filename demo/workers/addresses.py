"""Which addresses this machine has, and which of them media listens on and announces."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from miso.demo.settings import Settings
from miso.serving.port_error import PortError

LOOPBACK = "127.0.0.1"

# rtnetlink(7), netlink(7)
_RTM_NEWADDR = 20
_RTM_GETADDR = 22
_NLMSG_DONE = 3
_NLMSG_ERROR = 2
_REQUEST_DUMP = 0x301
_HEADER = struct.Struct("=IHHII")
_ADDRESS_MESSAGE = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_UNUSABLE_FLAGS = 0x01 | 0x08 | 0x20 | 0x40
"""Temporary, duplicate, deprecated, tentative: IPv6 addresses that go away or are not there yet."""


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """An address that media listens on, and the one that others are told (its own when that is None)."""

    ip: str
    announced_ip: str | None = None

    @property
    def shown(self) -> str:
        """The address that browsers, or other servers, are told."""
        return self.announced_ip or self.ip


def media_addresses(settings: Settings) -> list[MediaAddress]:
    """What media listens on and announces.

    With ``media_ip``, exactly these. Else every address found and 127.0.0.1, so that browsers on this machine and on
    the network both connect. Behind a NAT (``announced_address``) that address stands for the first of ``media_ip``, or
    for the one that leads to the internet; 127.0.0.1 stays.
    """
    announced = settings.announced_address
    if settings.media_ip:
        first, *others = settings.media_ip
        return [MediaAddress(first, announced), *(MediaAddress(ip) for ip in others)]
    if announced is not None:
        return [MediaAddress(outward_address(), announced), MediaAddress(LOOPBACK)]
    return [*(MediaAddress(ip) for ip in local_addresses()), MediaAddress(LOOPBACK)]


def check_addresses(ips: Sequence[str], setting: str = "--media-ip") -> None:
    """Makes sure that media can listen on them.

    Args:
        ips: The addresses.
        setting: Which flag chooses them.

    Raises:
        PortError: One is not of this machine.
    """
    for ip in ips:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((ip, 0))
        except OSError as error:
            raise PortError(f"cannot listen on {setting} {ip}: {error.strerror}") from error


def plain_address(settings: Settings, media: list[MediaAddress]) -> MediaAddress:
    """Where broadcasters' plain RTP comes in: ``broadcaster_ip``, else this machine alone unless others may come."""
    ip = settings.broadcaster_ip
    if ip is None and (settings.broadcasters == "on" or settings.broadcaster_secret is not None):
        return media[0]
    return next((address for address in media if address.ip == ip), MediaAddress(ip or LOOPBACK))


def outward_address() -> str:
    """The local address of the default route; ``0.0.0.0`` when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: connecting a datagram socket only chooses the route
        except OSError:
            return "0.0.0.0"
        address: str = probe.getsockname()[0]
        return address


def local_addresses() -> list[str]:
    """Every address of this machine that others may reach, IPv4 first.

    Without loopback and link-local addresses, and without IPv6 addresses that are temporary or not usable yet.
    """
    found = {address for address, flags in _kernel_addresses() if not flags & _UNUSABLE_FLAGS or address.version == 4}
    usable = [
        address
        for address in found
        if not (address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified)
    ]
    return [str(address) for address in sorted(usable, key=lambda address: (address.version, int(address)))]


def _kernel_addresses() -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Asks the kernel for all interface addresses and their flags, over rtnetlink."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        request = _ADDRESS_MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        netlink.send(_HEADER.pack(_HEADER.size + len(request), _RTM_GETADDR, _REQUEST_DUMP, 1, 0) + request)
        while True:
            data = netlink.recv(65536)
            while data:
                length, kind, *_ = _HEADER.unpack_from(data)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                    return
                if kind == _RTM_NEWADDR:
                    yield from _address_of(data[_HEADER.size : length])
                data = data[_aligned(length) :]


def _address_of(message: bytes) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    _, _, flags, _, _ = _ADDRESS_MESSAGE.unpack_from(message)
    attributes: dict[int, bytes] = {}
    rest = message[_ADDRESS_MESSAGE.size :]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        attributes[kind] = rest[_ATTRIBUTE.size : length]
        rest = rest[_aligned(length) :]
    # on a point-to-point link the plain address is the other end's, the local one ours
    packed = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
    if packed is None:
        return
    if (wide_flags := attributes.get(_IFA_FLAGS)) is not None:
        (flags,) = struct.unpack("=I", wide_flags)
    yield ipaddress.ip_address(packed), flags


def _aligned(length: int) -> int:
    return max(4, (length + 3) & ~3)
