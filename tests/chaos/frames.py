"""WebSocket frames as no library would send them: any number of empty ones (RFC 6455 section 5)."""

from __future__ import annotations

import asyncio

PING, PONG, TEXT, CONTINUATION = 0x9, 0xA, 0x1, 0x0
_FIN, _MASKED = 0x80, 0x80
_MASK = bytes(4)


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame of a client, of up to 125 bytes."""
    return bytes(((_FIN if fin else 0) | opcode, _MASKED | len(payload))) + _MASK + payload


async def open_websocket(ip: str, port: int, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A protoo connection whose frames the caller writes. Raises ConnectionError when the server says no."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(ip, 0))
    writer.write(
        (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: protoo\r\n\r\n"
        ).encode()
    )
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("closed in the handshake") from error
    if b" 101 " not in head.splitlines()[0]:
        writer.close()
        raise ConnectionError(head.splitlines()[0].decode("latin-1"))
    return reader, writer
