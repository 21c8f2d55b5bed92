"""Secrets by which a client proves that a peer id is its own: it alone may come back to that peer's place.

A client brings a secret of its own in ``peerSecret`` when it first comes, or gives back the one that it was told.
Clients that know nothing of this are displaced by whoever comes with their id, as in mediasoup-demo, unless the server
is strict.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from miso.protoo import RequestError

SECRET_LENGTH: Final = range(16, 129)
"""Characters of a secret that a client brings."""
KEEP_S: Final = 60.0
"""So long a place is kept for a client that proves itself and was cut off."""
MAX_KEPT: Final = 1_000
"""Places of one room that are kept at a time."""

_CLOSED_NORMALLY = 1000
_FORBIDDEN = 403
_TOKEN_BYTES = 18


@dataclass(slots=True)
class _Owner:
    """Who has an id.

    Attributes:
        secret: What proves it.
        proves: Whether the client has shown that it knows the secret: then nobody takes its place without it.
        until_s: When a place that is kept is given up; None: its owner is there.
    """

    secret: str
    proves: bool
    until_s: float | None = None


class PeerSecrets:
    """The owners of one room's peer ids. Time is an argument, in seconds.

    Args:
        strict: Nobody takes a place without its secret, whether the one who has it proves itself or not.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._owners: dict[str, _Owner] = {}

    def check(self, peer_id: str, given: str, now_s: float) -> None:
        """Whether a client may have that id.

        Args:
            peer_id: The id.
            given: The secret that it brings; empty: none.
            now_s: The time.

        Raises:
            RequestError: It is somebody else's, or the secret is too short or too long.
        """
        if given and len(given) not in SECRET_LENGTH:
            raise RequestError(400, f"peerSecret has {len(given)} characters, expected 16 to 128")
        owner = self._owner(peer_id, now_s)
        if owner is None or _same(owner.secret, given):
            return
        if given or owner.proves or self._strict:
            raise RequestError(_FORBIDDEN, "the peerId is taken, and peerSecret is not that of who has it")

    def enter(self, peer_id: str, given: str, now_s: float) -> str:
        """The client has come in. Returns its secret."""
        owner = self._owner(peer_id, now_s)
        if owner is None or not _same(owner.secret, given):
            owner = self._owners[peer_id] = _Owner(given or secrets.token_urlsafe(_TOKEN_BYTES), proves=bool(given))
        owner.proves = owner.proves or bool(given)
        owner.until_s = None
        return owner.secret

    def proves(self, peer_id: str) -> bool:
        """Whether who has that id has shown that it knows the secret."""
        owner = self._owners.get(peer_id)
        return owner is not None and owner.proves

    def leave(self, peer_id: str, code: int, now_s: float) -> None:
        """The client has gone, and nobody has its place; with any WebSocket close code but 1000 it may come back."""
        kept = [name for name, owner in self._owners.items() if owner.until_s is not None]
        still_kept = [name for name in kept if self._owner(name, now_s) is not None]
        owner = self._owners.get(peer_id)
        if owner is None:
            return
        if owner.proves and code != _CLOSED_NORMALLY and len(still_kept) < MAX_KEPT:
            owner.until_s = now_s + KEEP_S
        else:
            del self._owners[peer_id]

    def _owner(self, peer_id: str, now_s: float) -> _Owner | None:
        owner = self._owners.get(peer_id)
        if owner is not None and owner.until_s is not None and owner.until_s <= now_s:
            del self._owners[peer_id]
            return None
        return owner


def _same(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode())
