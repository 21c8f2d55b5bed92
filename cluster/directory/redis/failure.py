"""What it means when Redis does not do what it was asked: whether trying again can help, in words for operators."""

from __future__ import annotations

from typing import Final, NamedTuple

import redis.exceptions as raised

PASSING: Final = (raised.ReadOnlyError, raised.ClusterDownError, raised.TryAgainError, raised.MaxConnectionsError)
WHILE: Final = ("LOADING", "OOM", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "MISCONF")
"""Beginnings of errors that pass, by themselves or when an operator has done something at Redis."""
CREDENTIALS: Final = ("WRONGPASS", "NOAUTH", "NOPERM", "ERR invalid password", "ERR AUTH")
UNTRUSTED: Final = ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "WRONG_VERSION_NUMBER", "ALERT_")


class Failure(NamedTuple):
    """Why something was not done.

    Attributes:
        text: In words.
        is_lasting: Trying again does not help until somebody changes how this host is set up, or Redis.
    """

    text: str
    is_lasting: bool


NO_ANSWER: Final = Failure("what answers is no Redis: it gives something else than what was asked for", False)


def judge(error: BaseException) -> Failure:
    """What an exception of redis-py means."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if isinstance(error, TimeoutError | raised.TimeoutError):
        return Failure("it does not answer", False)
    if isinstance(error, raised.BusyLoadingError):
        return Failure("it loads its data", False)
    if isinstance(error, raised.OutOfMemoryError):
        return Failure("it is out of memory (maxmemory)", False)
    if isinstance(error, raised.AuthenticationError | raised.AuthorizationError | raised.NoPermissionError) or any(
        sign in text for sign in CREDENTIALS
    ):
        return Failure(f"it does not let us in: {text}", True)
    if any(sign in text for sign in UNTRUSTED):
        return Failure(f"no TLS with it: {text}", True)
    if isinstance(error, raised.InvalidResponse):
        return Failure(f"what answers is no Redis: {text}", True)
    if isinstance(error, raised.MovedError):
        return Failure("it is part of a Redis Cluster: redis+cluster:// in its address says so", True)
    if isinstance(error, PASSING):
        return Failure(text, False)
    if isinstance(error, raised.RedisClusterException) and ("not enabled" in text or "disabled" in text):
        return Failure("it is no Redis Cluster: its address must not say +cluster", True)
    if isinstance(error, raised.ResponseError) and not text.startswith(WHILE) and "OOM" not in text:
        return Failure(f"it does not do what is asked, Redis 6.2 or newer is needed: {text}", True)
    return Failure(text, False)
