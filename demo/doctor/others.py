"""The other hosts of the cluster: their names and versions, and whether datagrams get to them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Final

from miso.cluster.directory.node_id import name_of
from miso.cluster.directory.redis.onlooker import Live
from miso.cluster.facts import NodeFact
from miso.demo.doctor.finding import Finding, failed, ok, warning
from miso.demo.workers.addresses import MediaAddress

WITHIN_S: Final = 1.0
"""So long an answer of a host is waited for."""
MOST: Final = 64
"""Of so many other hosts it is tried whether they are reached."""


async def check_others(live: Live, name: str, here: MediaAddress, port: int) -> list[Finding]:
    """Looks at each of them.

    Args:
        live: Who lives.
        name: What this host is called.
        here: Where the others reach this host.
        port: Where datagrams are sent: one of those for media, on which nobody should listen.
    """
    findings = []
    others = []
    for fact in live.facts:
        if fact.name != name:
            others.append(fact)
        elif fact.ip == here.shown:
            findings.append(ok("host name", f"{name}: the Miso that runs here ({fact.node}) has it"))
        else:
            findings.append(failed("host name", f"{name} is the name of another host at {fact.ip}: choose --node-name"))
    for node in live.silent:
        other = f"{name_of(node)}: it lives, and says nothing of itself that can be read: is its Miso newer?"
        findings.append(warning("host", other))
    if not others and not live.silent:
        findings.append(ok("hosts", "no other one lives"))
    tried = others[:MOST]
    reached = await asyncio.gather(*(reach(here.ip, fact.ip, port) for fact in tried))
    findings.extend(judge_host(fact, here.shown, answer) for fact, answer in zip(tried, reached, strict=True))
    if len(others) > MOST:
        findings.append(ok("hosts", f"{len(others) - MOST} more live, and were not tried"))
    if len(versions := {fact.version for fact in others}) > 1:
        findings.append(
            warning("versions", f"hosts run {', '.join(sorted(versions))}: let it be so during an update only")
        )
    return findings


def judge_host(fact: NodeFact, address: str, answer: str | None) -> Finding:
    """What is known of another host.

    Args:
        fact: What it says of itself.
        address: Where the others reach this host.
        answer: What ``reach`` said.
    """
    what = f"host {fact.name}"
    words = ", ".join(filter(None, (fact.region, f"Miso {fact.version}" if fact.version else "")))
    text = f"{fact.ip}" + (f" ({words})" if words else "") + (", draining" if fact.draining else "")
    if not is_address(fact.ip):
        return failed(what, f"it says that it is at {fact.ip[:100]!r}, which is no address")
    if fact.ip == address and not ipaddress.ip_address(address).is_loopback:
        return warning(what, f"{text}: it says that it has this host's address: are both on one machine?")
    if ipaddress.ip_address(fact.ip).is_loopback and not ipaddress.ip_address(address).is_loopback:
        return failed(what, f"{text}: nobody else reaches that: give it --cluster-address")
    if answer is None:
        return ok(what, f"{text}: no sign of a datagram (firewalls may hide it): media must get there by UDP")
    if answer:
        return failed(what, f"{text}: {answer}: media cannot get there from --cluster-address {address}")
    return ok(what, f"{text}: datagrams get there")


async def reach(address: str, ip: str, port: int) -> str | None:
    """Whether a datagram gets to a host: where nobody listens it says so by ICMP.

    Args:
        address: From where.
        ip: Where to.
        port: Of that host.

    Returns:
        "": it got there; None: nothing was heard of it; else why it did not.
    """
    if not is_address(ip):
        return None
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.bind((address, 0))
            await loop.sock_connect(probe, (ip, port))
            async with asyncio.timeout(WITHIN_S):
                await loop.sock_sendall(probe, b"\0")
                await loop.sock_recv(probe, 1)
    except ConnectionRefusedError:
        return ""
    except TimeoutError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return ""


def is_address(text: str) -> bool:
    """Whether it is one that a host can have."""
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False
