"""Which pages may come, and under which names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from miso.demo.http.origins import Origins
from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from miso.serving.security_headers import SECURITY_HEADERS
from tests.demo.conftest import free_ports, ws_url
from tests.patience import PATIENCE_S

NAMES = ["box", "*.example.org"]


@pytest.mark.parametrize(
    ("host", "origin", "allowed", "may"),
    [
        ("127.0.0.1:3000", None, [], True),
        ("whatever.test", None, [], True),  # no browser
        ("127.0.0.1:3000", "http://127.0.0.1:3000", [], True),
        ("[::1]:3000", "http://[::1]:3000", [], True),
        ("localhost:3000", "http://localhost:3000", [], True),
        ("LOCALHOST:3000", "http://localhost:3000", [], True),
        ("box", "https://box", [], True),
        ("box:443", "https://box", [], True),
        ("room.example.org.:4443", "https://room.example.org:4443", [], True),
        ("localhost:3000", "http://localhost:8080", [], False),  # another program's page
        ("localhost:3000", "https://localhost:3000", [], True),  # a proxy that ends TLS
        ("localhost:3000", "http://evil.test", [], False),
        ("evil.test:3000", "http://evil.test:3000", [], False),  # DNS rebinding
        ("a.room.example.org", "https://a.room.example.org", [], False),  # a wildcard is one label
        ("localhost:3000", "null", [], False),
        ("localhost:3000", "", [], False),
        ("localhost:3000", "chrome-extension://abc", [], False),
        ("localhost:3000", "http://localhost:3000.evil.test", [], False),
        ("localhost:3000", "http://localhost:99999999", [], False),
        ("localhost:3000", "http://[", [], False),
        ("localhost:3000", "http://[::1", [], False),
        ("localhost:3000", "HTTP://LOCALHOST:3000", [], True),
        ("room.example.org.", "https://room.example.org.", [], True),
        ("meet.example", "https://meet.example.", ["https://meet.example"], True),
        ("[", None, [], True),
        ("[", "http://[", [], False),
        ("127.0.0.1:3000", "https://meet.example", ["https://meet.example"], True),
        ("127.0.0.1:3000", "https://meet.example:8443", ["https://meet.example"], False),
        ("127.0.0.1:3000", "http://meet.example", ["https://meet.example"], False),
        ("meet.example", "https://meet.example", ["https://meet.example"], True),
        ("meet.example:4443", "https://meet.example:3000", ["meet.example"], True),
        ("localhost:3000", "null", ["null"], True),
        ("evil.test", "http://evil.test", ["*"], True),
    ],
)
def test_a_websocket_is_for_our_own_pages_and_the_allowed_ones(
    host: str, origin: str | None, allowed: list[str], may: bool
) -> None:
    headers = {"host": host} | ({"origin": origin} if origin is not None else {})
    reason = Origins(allowed, NAMES).refusal(headers, None)
    assert (reason is None) == may
    if reason is not None:
        assert "--allowed-origins" in reason


@pytest.mark.parametrize(
    ("method", "host", "origin", "may"),
    [
        ("GET", "box", None, True),
        ("GET", "", None, True),
        ("GET", "evil.test", None, False),
        ("POST", "box", None, True),
        ("POST", "box", "https://box", True),
        ("POST", "box", "https://evil.test", False),
        ("DELETE", "box", "null", False),
        ("GET", "box", "https://evil.test", True),  # the browser does not show it the answer
    ],
)
def test_http_is_for_names_of_ours_and_changes_for_pages_of_ours(
    method: str, host: str, origin: str | None, may: bool
) -> None:
    headers = {"host": host} | ({"origin": origin} if origin is not None else {})
    assert (Origins([], NAMES).refusal(headers, method) is None) == may


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "https://",
            "ftp://a",
            "https://a/b",
            "a/b",
            "a:80",
            "*.a",
            "https://*",
            "https://*.com",
            "https://*.example.org",
        ),
        *("https://a:99999", "https://a:0", "https://ann@a", "https://a#b", "https://a?", "https://a b"),
    ],
)
def test_a_wrong_entry_is_named(wrong: str) -> None:
    with pytest.raises(ValidationError, match="origin"):
        Settings(allowed_origins=[wrong])


async def test_a_stranger_s_page_is_turned_away_with_a_reason(server: DemoServer, url: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(
            f"{url}/?roomId=r&peerId=p", origin=Origin("https://evil.test"), subprotocols=[Subprotocol("protoo")]
        )
    response = caught.value.response
    assert response.status_code == 403
    assert "https://evil.test" in response.headers["X-WebSocket-Reject-Reason"]
    assert len(server.rooms) == 0
    own = url.replace("ws:", "http:", 1)
    client = await connect(f"{url}/?roomId=r&peerId=p", origin=Origin(own), subprotocols=[Subprotocol("protoo")])
    await client.close()


async def test_the_certificate_s_names_are_known(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, announced_address="room.example"))
    await server.start()
    url = ws_url(server)
    port = urlsplit(url).port
    assert await status(url, f"room.example:{port}") == 200
    assert await status(url, f"evil.test:{port}") == 403
    await server.close()


async def status(url: str, host: str, request: str = "GET /health") -> int:
    return int((await answer(url, f"{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).split()[1])


async def answer(url: str, request: str) -> str:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.encode())
    text = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return text.decode()


HANDSHAKE = (
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: protoo\r\nConnection: upgrade\r\n\r\n"
)


@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", None),
        ("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        ("GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n", 403),
        ("nonsense\r\n\r\n", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\n{HANDSHAKE}", 400),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n{HANDSHAKE}", 403),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\n{HANDSHAKE}", 403),
        (f"GET //[ HTTP/1.1\r\nHost: [\r\n{HANDSHAKE}", 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://[\r\nConnection: close\r\n\r\n", 403),
    ],
)
async def test_every_answer_tells_browsers_what_they_may_do(url: str, request_head: str, expected: int | None) -> None:
    text = (await answer(url, request_head)).lower()
    if expected is not None:
        assert text.startswith(f"http/1.1 {expected}")
    for name, value in SECURITY_HEADERS.items():
        assert f"\r\n{name}: ".lower() in text
        if name != "Content-Security-Policy":  # the page that says how to build the page has a style of its own
            assert value.lower() in text
    assert "frame-ancestors 'none'" in text
    assert "unsafe" not in text
