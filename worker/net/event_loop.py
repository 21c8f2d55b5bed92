"""The event loop: uvloop's, or asyncio's own where there is no uvloop.

Both import Python's ``ssl``, which with the system's OpenSSL takes 5 MB. A worker has no use for it: DTLS comes with
pyOpenSSL, which has an OpenSSL of its own. asyncio does without, as where Python was built without it. uvloop takes
some of its names when it is imported, for TLS over TCP, and gets others in their place.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_CLASSES = (
    "SSLContext",
    "MemoryBIO",
    "SSLError",
    "SSLWantReadError",
    "SSLSyscallError",
    "SSLZeroReturnError",
    "CertificateError",
)
_CODES = ("SSL_ERROR_WANT_READ", "SSL_ERROR_WANT_WRITE", "SSL_ERROR_SYSCALL")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop that cannot do TLS, unless ``ssl`` was imported before. To be called before anything else of asyncio."""
    without_ssl = "ssl" not in sys.modules
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: it cannot be imported
    try:
        if without_ssl:
            modules["ssl"] = None
        import asyncio

        if without_ssl:
            modules["ssl"] = _stand_in()
        try:
            import uvloop
        except ImportError:
            return asyncio.new_event_loop()
        return uvloop.new_event_loop()
    finally:
        if without_ssl:
            del modules["ssl"]


def _stand_in() -> ModuleType:
    """What uvloop takes of ``ssl`` when it is imported; what a later one takes beyond comes from ``ssl`` itself."""
    module = ModuleType("ssl")
    for name in _CLASSES:
        setattr(module, name, type(name, (Exception,), {}))
    for number, name in enumerate(_CODES):
        setattr(module, name, number)
    module.create_default_context = None  # type: ignore[attr-defined]
    module.__getattr__ = _of_ssl  # type: ignore[method-assign]
    return module


def _of_ssl(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    stand_in = sys.modules.pop("ssl")
    try:
        import ssl
    finally:
        sys.modules["ssl"] = stand_in
    return getattr(ssl, name)
