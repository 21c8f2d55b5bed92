"""Signs what is sent to a webhook, as https://www.standardwebhooks.com lays down ("Webhook headers")."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

_PREFIX: Final = "whsec_"


def read_secret(text: str) -> bytes:
    """The key that a secret stands for.

    Args:
        text: ``whsec_`` and base64, as the specification has it; anything else is taken as it stands, in UTF-8.

    Raises:
        ValueError: It is empty, or ``whsec_`` is not followed by base64.
    """
    if not text.startswith(_PREFIX):
        key = text.encode("utf-8", "surrogateescape")
    else:
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f"behind {_PREFIX} base64 is expected") from error
    if not key:
        raise ValueError("a secret must not be empty")
    return key


def signed_headers(key: bytes, id: str, sent_s: int, body: bytes) -> dict[str, str]:
    """The headers that say who sent a body, and when.

    Args:
        key: What sender and receiver know.
        id: Of the message; the same one when it is sent again.
        sent_s: When it is sent, as Unix time.
        body: What is sent.
    """
    digest = hmac.new(key, f"{id}.{sent_s}.".encode() + body, hashlib.sha256).digest()
    return {**unsigned_headers(id, sent_s), "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def unsigned_headers(id: str, sent_s: int) -> dict[str, str]:
    """What is said without a secret; see :func:`signed_headers`."""
    return {"webhook-id": id, "webhook-timestamp": str(sent_s)}
