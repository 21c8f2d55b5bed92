"""How the page's files are served."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from miso.live.statistics.page import page_routes


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>page")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-AbC_1-2.js").write_text("code")
    return tmp_path


def asked(folder: Path) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Starlette(routes=page_routes(folder)))
    return httpx.AsyncClient(transport=transport, base_url="http://host")


async def test_the_page_is_asked_for_anew_and_its_files_are_kept(built: Path) -> None:
    async with asked(built) as http:
        page = await http.get("/live/")
        code = await http.get("/live/assets/index-AbC_1-2.js")
    assert (page.text, page.headers["cache-control"]) == ("<!doctype html>page", "no-cache")
    assert code.text == "code"
    assert code.headers["content-type"].startswith("text/javascript")
    assert "immutable" in code.headers["cache-control"]


async def test_the_address_without_slash_leads_there(built: Path) -> None:
    async with asked(built) as http:
        answer = await http.get("http://host/live")
    assert (answer.status_code, answer.headers["location"]) == (307, "live/")


@pytest.mark.parametrize("path", ["/live/a.flv", "/live/assets/a.flv", "/live/assets/../index.html", "/live/a"])
async def test_addresses_of_streams_are_left_alone(built: Path, path: str) -> None:
    async with asked(built) as http:
        assert (await http.get(f"http://host{path}")).status_code == 404


async def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    async with asked(tmp_path) as http:
        answer = await http.get("http://host/live/")
    assert answer.status_code == 503
    assert "make web" in answer.text
