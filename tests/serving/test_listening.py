"""Where the server listens, and what it says of a port that is taken."""

from __future__ import annotations

import socket

import pytest

from miso.serving.listening import listen, listen_locally
from miso.serving.port_error import PortError


def test_https_listens_on_all_addresses_and_http_on_localhost_only() -> None:
    https, http = listen("", 0, "https-port"), listen_locally(0, "http-port")
    assert https.sockets[0].getsockname()[0] in ("::", "0.0.0.0")
    assert {bound.getsockname()[0] for bound in http.sockets} <= {"127.0.0.1", "::1"}
    assert {bound.getsockname()[1] for bound in http.sockets} == {http.port}
    with socket.create_connection(("127.0.0.1", https.port)):
        pass
    https.close()
    http.close()


def test_a_taken_port_is_named_with_the_flag_that_changes_it() -> None:
    taken = listen_locally(0, "http-port")
    with pytest.raises(PortError, match=rf"port {taken.port}.*--http-port"):
        listen_locally(taken.port, "http-port")
    taken.close()


def test_no_other_port_is_advised_where_none_would_help() -> None:
    with pytest.raises(PortError, match=r"192\.0\.2\.77") as caught:
        listen("192.0.2.77", 0, "https-port")
    assert "choose another" not in str(caught.value)
