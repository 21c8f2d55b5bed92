"""Where the server listens, and what it says of a port that is taken."""

from __future__ import annotations

import socket

import pytest

from miso.demo.http.listening import listen_http, listen_https
from miso.demo.port_error import PortError
from miso.demo.settings import Settings


def test_https_listens_on_all_addresses_and_http_on_localhost_only() -> None:
    https, http = listen_https(Settings(https_port=0)), listen_http(Settings(http_port=0))
    assert https.sockets[0].getsockname()[0] in ("::", "0.0.0.0")
    assert {bound.getsockname()[0] for bound in http.sockets} <= {"127.0.0.1", "::1"}
    assert {bound.getsockname()[1] for bound in http.sockets} == {http.port}
    with socket.create_connection(("127.0.0.1", https.port)):
        pass
    https.close()
    http.close()


def test_a_taken_port_is_named_with_the_flag_that_changes_it() -> None:
    taken = listen_http(Settings(http_port=0))
    with pytest.raises(PortError, match=rf"port {taken.port}.*--http-port"):
        listen_http(Settings(http_port=taken.port))
    taken.close()


def test_no_other_port_is_advised_where_none_would_help() -> None:
    with pytest.raises(PortError, match=r"192\.0\.2\.77") as caught:
        listen_https(Settings(https_host="192.0.2.77", https_port=0))
    assert "choose another" not in str(caught.value)
