"""Whether the ports are free that the server will listen on, for page and for media; or a running Miso has them."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Final

from miso.demo.doctor.finding import Finding, failed, ok, warning
from miso.demo.settings import Settings
from miso.demo.workers.held_ports import holder_of
from miso.serving.listening import Listening, listen, listen_locally
from miso.serving.port_error import PortError

ANSWER_S: Final = 2.0
"""How long who has a port may take to say that it is Miso."""
MAX_ANSWER_BYTES: Final = 65_536


async def check_ports(settings: Settings, ips: Sequence[str]) -> list[Finding]:
    """Looks at all of them.

    Args:
        settings: The server's.
        ips: What media listens on.
    """
    findings = []
    is_running = False
    for what, port, is_tls in _web_ports(settings):
        try:
            _listen(settings, what, port).close()
        except PortError as error:
            holder = _holder(port)  # before we are one who is seen there
            if port and await _is_miso(port, settings.https_host if is_tls else "", is_tls=is_tls):
                is_running = True
                findings.append(ok(what, f"a Miso that runs here has port {port}"))
            else:
                findings.append(failed(what, f"{error}{holder}"))
        else:
            findings.append(ok(what, f"port {port} is free" if port else "any free port"))
    findings.extend(_media_ports(settings, ips, is_running=is_running))
    return findings


def _web_ports(settings: Settings) -> Iterator[tuple[str, int, bool]]:
    if settings.https:
        yield "https-port", settings.https_port, True
    if settings.http:
        yield "http-port", settings.http_port, False


def _listen(settings: Settings, what: str, port: int) -> Listening:
    if what == "https-port":
        return listen(settings.https_host, port, what)
    return listen_locally(port, what)


def _media_ports(settings: Settings, ips: Sequence[str], *, is_running: bool) -> Iterator[Finding]:
    if not settings.webrtc_server:
        low, high = settings.media_min_port, settings.media_max_port
        text = f"{low} to {high}, UDP and TCP: open these in firewalls"
        if high - low < 100:
            yield warning("media ports", f"{text}; so few are for few people: each takes at least one")
        else:
            yield ok("media ports", text)
        return
    first = settings.webrtc_server_port
    if first == 0:
        yield warning("media ports", "any free ones, which no firewall can know: --webrtc-server-port names the first")
        return
    last = first + settings.workers - 1
    taken = [port for port in range(first, last + 1) if not _is_free(port, ips)]
    text = f"{first} to {last}" if last > first else f"{first}"
    if not taken:
        yield ok("media ports", f"{text} free, UDP and TCP: open these in firewalls")
    elif is_running:
        yield ok("media ports", f"{text}, of which the Miso that runs here has {len(taken)}: open these in firewalls")
    else:
        yield warning(
            "media ports",
            f"{taken[0]} is taken{_holder(taken[0])}"
            + (f", and {len(taken) - 1} more" if len(taken) > 1 else "")
            + ": its worker takes another, which firewalls may not know; choose others with --webrtc-server-port",
        )


def _is_free(port: int, ips: Sequence[str]) -> bool:
    for ip in ips:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind) as probe:
                try:
                    probe.bind((ip, port))
                except OSError:
                    return False
    return True


def _holder(port: int) -> str:
    holder = holder_of(port)
    return f" ({holder} has it)" if holder else ""


async def _is_miso(port: int, host: str, *, is_tls: bool) -> bool:
    """Whether it says of itself what ``/health`` says."""
    context = None
    if is_tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is asked who it is, and told nothing
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(host or "localhost", port, ssl=context)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.read(MAX_ANSWER_BYTES)
                while not reader.at_eof() and len(answer) < MAX_ANSWER_BYTES:
                    answer += await reader.read(MAX_ANSWER_BYTES)
            finally:
                writer.close()
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
    except (OSError, TimeoutError, ValueError):
        return False
    return isinstance(body, dict) and "workersWanted" in body
