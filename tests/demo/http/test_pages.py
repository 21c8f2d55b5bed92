"""The page's files as the server hands them out."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from miso.demo.http.page import Page


async def get(page: Page, path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/", page)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path)


async def test_says_how_to_build_the_page_when_it_is_not_built(tmp_path: Path) -> None:
    response = await get(Page(tmp_path / "dist"), "/?roomId=r")
    assert response.status_code == 503
    assert "make web" in response.text


async def test_serves_the_page_fresh_and_its_files_for_ever(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<p>hello")
    (tmp_path / "assets" / "app-1a2b.js").write_text("1")
    page = Page(tmp_path)
    index = await get(page, "/?roomId=r&displayName=N")
    assert (index.status_code, index.text) == (200, "<p>hello")
    assert index.headers["Cache-Control"] == "no-cache"
    script = await get(page, "/assets/app-1a2b.js")
    assert "immutable" in script.headers["Cache-Control"]
    assert script.headers["Content-Type"].startswith("text/javascript")
    (tmp_path / "cluster" / "assets").mkdir(parents=True)
    (tmp_path / "cluster" / "index.html").write_text("<p>hosts")
    (tmp_path / "cluster" / "assets" / "index-3c4d.js").write_text("1")
    assert (await get(page, "/cluster")).headers["Location"].endswith("/cluster/")
    cluster = await get(page, "/cluster/")
    assert (cluster.text, cluster.headers["Cache-Control"]) == ("<p>hosts", "no-cache")
    assert "immutable" in (await get(page, "/cluster/assets/index-3c4d.js")).headers["Cache-Control"]
    missing = await get(page, "/assets/none.js")
    assert missing.status_code == 404
    assert missing.headers.get("Cache-Control") is None or "immutable" not in missing.headers["Cache-Control"]
    assert (await get(page, "/../settings.py")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("built", [True, False])
async def test_a_path_that_is_nobodys_is_404_for_every_method(tmp_path: Path, method: str, built: bool) -> None:
    if built:
        (tmp_path / "index.html").write_text("<p>hello")
    page = Page(tmp_path)
    for path in ("/rooms/r/broadcasters", "/none.html", "/" + "x" * 3_000, "/a%00b"):
        assert (await get(page, path, method)).status_code == 404


async def test_a_method_that_the_page_does_not_have_is_405(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>hello")
    response = await get(Page(tmp_path), "/", "POST")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
