r"""Tokens that let somebody publish or play one path until some time.

A token is ``EXPIRY-SIGNATURE``: the second (Unix time) until which it holds, and HMAC-SHA256 (RFC 2104) of what it is
for, as hexadecimal digits. It stands in a stream's address: ``rtmp://host/app/name?token=…``. Whoever has the secret
can make one, in any language:

    signature = HMAC-SHA256(secret, "ACTION\nEXPIRY\nPATH")

with ``publish`` or ``play`` for ACTION: a token for one is none for the other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import Enum
from typing import Final

from miso.live.errors import RefusedError

_TOKEN: Final = re.compile(r"(0|[1-9][0-9]{0,14})-([0-9a-f]{64})", re.ASCII)


class Action(Enum):
    """What somebody wants to do with a stream."""

    PUBLISH = "publish"
    PLAY = "play"


def make_token(secret: bytes, action: Action, path: str, expiry_s: int) -> str:
    """A token.

    Args:
        secret: What this server knows, and nobody else.
        action: What it allows.
        path: Of which stream.
        expiry_s: The last second in which it holds, as Unix time, from 0 to 10**15 - 1.

    Raises:
        ValueError: The time is out of its range, or the secret is empty.
    """
    if not 0 <= expiry_s < 10**15:
        raise ValueError(f"expiry_s is {expiry_s}, expected 0 to 10**15 - 1")
    return f"{expiry_s}-{_signature(secret, action, path, expiry_s)}"


def check_token(secret: bytes, action: Action, path: str, token: str, now_s: float) -> None:
    """Lets pass who has a token.

    Args:
        secret: What it must have been made with.
        action: What somebody wants to do.
        path: With which stream.
        token: What it brings; empty: nothing.
        now_s: Unix time.

    Raises:
        RefusedError: It may not; the text says why, and does not say what would have been right.
    """
    if not token:
        raise RefusedError(f"a token is needed to {action.value} this stream")
    found = _TOKEN.fullmatch(token)
    if found is None or not hmac.compare_digest(found[2], _signature(secret, action, path, int(found[1]))):
        raise RefusedError(f"the token does not allow to {action.value} this stream")
    if now_s >= int(found[1]) + 1:
        raise RefusedError("the token has expired")


def _signature(secret: bytes, action: Action, path: str, expiry_s: int) -> str:
    if not secret:
        raise ValueError("an empty secret signs nothing")
    signed = f"{action.value}\n{expiry_s}\n{path}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()
