"""Raw WebSocket clients that send one kind of frame as fast as they can: ``python flood.py URL KIND CLIENTS SECONDS``.

A process of its own, so that the time it takes is not the server's. Prints each connection's close code, or null for
one that was not closed in time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit


def frame(first_byte: int, payload: bytes = b"") -> bytes:
    """A frame of a client, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2) if size < 65536 else None
    return bytes([first_byte]) + (length or b"\xff" + size.to_bytes(8)) + bytes(4) + payload


def _forever(chunk: bytes) -> Iterator[bytes]:
    return itertools.repeat(chunk)


KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "pings": lambda: _forever(frame(0x89) * 20_000),
    "pongs": lambda: _forever(frame(0x8A) * 20_000),
    "texts": lambda: _forever(frame(0x81) * 20_000),
    "binaries": lambda: _forever(frame(0x82) * 20_000),
    "notifications": lambda: _forever(frame(0x81, b'{"notification":true,"method":"m"}') * 5_000),
    "fragments": lambda: itertools.chain([frame(0x01, b"x")], _forever(frame(0x00, b"x") * 20_000)),
    "empty fragments": lambda: itertools.chain([frame(0x01)], _forever(frame(0x00) * 20_000)),
    "lists": lambda: _forever(frame(0x81, b"[" + b"[]," * 319_000 + b"1]")),
    "objects": lambda: _forever(frame(0x81, b'{"notification":true,"method":"m","data":[' + b"{}," * 300_000 + b"1]}")),
    "no utf-8": lambda: _forever(frame(0x81, b"\xff") * 20_000),
    "too long": lambda: _forever(frame(0x81, b"x" * 1_000_000)),
}
"""What is sent, after the handshake, as long as the server takes it."""


async def _flood(url: str, kind: str) -> int | None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(
        f"GET /?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: protoo\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    sending = asyncio.create_task(_send(writer, kind))
    try:
        return await _close_code(reader)
    finally:
        sending.cancel()
        writer.close()


async def _send(writer: asyncio.StreamWriter, kind: str) -> None:
    for chunk in KINDS[kind]():
        writer.write(chunk)
        await writer.drain()


async def _close_code(reader: asyncio.StreamReader) -> int:
    while True:
        first, size = await reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
        payload = await reader.readexactly(size)
        if first == 0x88:
            return int.from_bytes(payload[:2])


async def _one(url: str, kind: str, seconds: float) -> int | str | None:
    try:
        return await asyncio.wait_for(_flood(url, kind), seconds)
    except TimeoutError:
        return None
    except (OSError, EOFError) as error:
        return type(error).__name__


async def main(url: str, kind: str, clients: str, seconds: str) -> None:
    codes = await asyncio.gather(*(_one(f"{url}{number}", kind, float(seconds)) for number in range(int(clients))))
    print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    os.nice(5)
    asyncio.run(main(*sys.argv[1:]))
