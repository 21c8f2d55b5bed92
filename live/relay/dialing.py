"""Connections to other servers, for which names are looked up in threads of their own.

A name server that does not answer keeps a thread for half a minute. Those that asyncio shares with everybody (files of
recordings, names of webhooks) must not go to it because players ask for what a dead origin has.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from miso.live.errors import RefusedError
from miso.live.rtmp.url import RtmpUrl

THREADS: Final = 4
MAX_ADDRESSES: Final = 4
"""Of one name; those that follow are not tried."""


class Dialer:
    """Opens connections.

    Attributes:
        timeout_s: So long a server may take to be found and connected to.

    Args:
        timeout_s: See above.
        tls: For ``rtmps``.
    """

    def __init__(self, timeout_s: float, tls: ssl.SSLContext) -> None:
        self.timeout_s = timeout_s
        self._tls = tls
        self._threads = ThreadPoolExecutor(THREADS, "relay-names")

    def close(self) -> None:
        """Looks up no more names."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def dial(self, url: RtmpUrl) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects to a server, with TLS where its address says so.

        Raises:
            RefusedError: The host's name can be none.
            OSError: It cannot be had; TimeoutError if it says nothing.
        """
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._connect(url, await self._addresses(url))
        except TimeoutError:
            raise TimeoutError(f"no connection within {self.timeout_s:g} s") from None
        except ValueError as error:  # a part of it is too long, say
            raise RefusedError(f"the host's name is none: {error}") from error

    async def _addresses(self, url: RtmpUrl) -> list[str]:
        if _is_address(url.host):
            return [url.host]
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, url.host, url.port)
        return found[:MAX_ADDRESSES]

    async def _connect(self, url: RtmpUrl, addresses: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls, name = (self._tls, url.host) if url.is_tls else (None, None)
        failure = OSError(f"{url.host} has no address")
        for address in addresses:
            try:
                return await asyncio.open_connection(address, url.port, ssl=tls, server_hostname=name)
            except TimeoutError:
                raise
            except OSError as error:
                failure = error
        raise failure


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
