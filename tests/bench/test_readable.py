"""Waits for a socket of any number."""

from __future__ import annotations

import fcntl
import resource
import socket
from collections.abc import Iterator

import pytest

from bench.readable import is_readable
from tests.patience import PATIENCE_S

BEYOND_SELECT = 1_100


@pytest.fixture
def high_numbers() -> Iterator[None]:
    """A process may have descriptors of higher numbers than usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * BEYOND_SELECT), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("high_numbers")
def test_a_socket_is_waited_for_whatever_its_number() -> None:
    near, far = socket.socketpair()
    with near, far, socket.socket(fileno=fcntl.fcntl(near.fileno(), fcntl.F_DUPFD, BEYOND_SELECT)) as high:
        assert high.fileno() >= BEYOND_SELECT
        assert not is_readable(high, 0.001)
        far.send(b"x")
        assert is_readable(high, PATIENCE_S)
