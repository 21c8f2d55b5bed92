"""What this machine has to have: descriptors, the page, certificates, addresses on which UDP works."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import resource
import secrets
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from miso.commands.process import MANY_DESCRIPTORS
from miso.demo.doctor.finding import Finding, failed, ok, warning
from miso.demo.http.page import DIST
from miso.demo.settings import Settings
from miso.demo.workers.addresses import LOOPBACK, MediaAddress, check_addresses
from miso.serving.certificate import CertificateError
from miso.serving.port_error import PortError

FEW_DESCRIPTORS: Final = 16_384
TOO_FEW_DESCRIPTORS: Final = 1_024
DATAGRAM_BYTES: Final = 1_200
"""As long as those of video."""
UDP_WITHIN_S: Final = 2.0
SOON: Final = datetime.timedelta(days=14)


def check_descriptors() -> Finding:
    """Every connection takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_descriptors(MANY_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MANY_DESCRIPTORS))


def judge_descriptors(most: int) -> Finding:
    """What it means that a process has so many at most."""
    if most >= FEW_DESCRIPTORS:
        return ok("descriptors", f"up to {most} for this process and each worker")
    text = f"at most {most} (ulimit -Hn; LimitNOFILE of systemd), each connection takes one: allow {MANY_DESCRIPTORS}"
    return (failed if most < TOO_FEW_DESCRIPTORS else warning)("descriptors", text)


def check_page(folder: Path = DIST) -> Finding:
    """Whether it was built."""
    if (folder / "index.html").is_file():
        return ok("page", "it is built")
    return warning("page", "it is not built: `make web` does it; clients of their own need no page")


def check_certificates(settings: Settings, now: datetime.datetime) -> Iterator[Finding]:
    """Those that were given, or whether one can be made.

    Args:
        settings: The server's.
        now: The time, with its zone.
    """
    for use, chain, key in (
        ("tls", settings.tls_certificate, settings.tls_key),
        ("dtls", settings.dtls_certificate, settings.dtls_key),
    ):
        if chain is not None and key is not None:
            yield _given(use, chain, key, now)
    if settings.https and settings.tls_certificate is None:
        folder = settings.data_dir / "tls"
        place = next(one for one in (folder, *folder.parents) if one.exists())
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            yield ok("tls-certificate", f"made by Miso, in {folder}: browsers ask whether to trust it")
        else:
            yield failed(
                "tls-certificate", f"{place} cannot be written: --data-dir, or --tls-certificate and --tls-key"
            )


def _given(use: str, chain: Path, key: Path, now: datetime.datetime) -> Finding:
    from cryptography import x509

    from miso.serving.certificate_files import given

    what = f"{use}-certificate"
    try:
        given(use, chain, key)
    except CertificateError as error:
        return failed(what, str(error))
    parsed = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    last = parsed.not_valid_after_utc
    if last < now:
        return failed(what, f"{chain} expired on {last.date()}: renew it")
    if parsed.not_valid_before_utc > now:
        return failed(
            what, f"{chain} is not valid before {parsed.not_valid_before_utc}: is this machine's clock right?"
        )
    if last < now + SOON:
        return warning(what, f"{chain} expires on {last.date()}: renew it")
    return ok(what, f"{chain} is valid until {last.date()}")


async def check_addresses_of_media(settings: Settings, addresses: Sequence[MediaAddress]) -> list[Finding]:
    """Whether media can listen on them, and datagrams go from one socket to another there."""
    findings = []
    for address in addresses:
        what = f"media address {address.ip}"
        problem = await check_udp(address.ip, "--media-ip")
        announced = "" if address.announced_ip is None else f", announced as {address.announced_ip}"
        findings.append(failed(what, problem) if problem else ok(what, f"UDP works{announced}"))
    if settings.announced_address is not None:
        findings.append(await _announced(settings.announced_address))
    elif all(_is_private(address.ip) for address in addresses):
        text = "all media addresses are private ones: browsers elsewhere need --announced-address"
        findings.append(ok("announced address", text))
    return findings


async def check_udp(ip: str, setting: str) -> str:
    """Whether datagrams go from one socket of an address to another one; "": they do, else what is wrong.

    Args:
        ip: Of this machine.
        setting: Which flag chooses it.
    """
    try:
        check_addresses([ip], setting)
    except PortError as error:
        return f"{error}: give an address of this machine"
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    sent = secrets.token_bytes(DATAGRAM_BYTES)
    with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as other:
        for bound in (one, other):
            bound.setblocking(False)
            bound.bind((ip, 0))
        try:
            async with asyncio.timeout(UDP_WITHIN_S):
                to = LOOPBACK if ip == "0.0.0.0" else ip
                await loop.sock_sendto(one, sent, (to, other.getsockname()[1]))
                while await loop.sock_recv(other, 2 * DATAGRAM_BYTES) != sent:
                    pass
        except TimeoutError:
            return f"a datagram from {ip} to itself does not arrive: a firewall of this machine drops UDP"
        except OSError as error:
            return f"no datagram can be sent from {ip}: {error.strerror}"
    return ""


async def _announced(name: str) -> Finding:
    what = f"announced address {name}"
    try:
        async with asyncio.timeout(5):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError):
        return failed(what, "no address is found for this name: browsers will find none either")
    ips = sorted({str(entry[4][0]) for entry in found})
    if any(_is_private(ip) for ip in ips):
        return warning(what, f"{', '.join(ips)} is a private address: browsers elsewhere do not reach it")
    return ok(what, f"{', '.join(ips)}: the media ports are to be forwarded from there")


def _is_private(ip: str) -> bool:
    return ipaddress.ip_address(ip.partition("%")[0]).is_private
