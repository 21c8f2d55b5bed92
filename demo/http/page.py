"""The web page as it was built, or a page that says how to build it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

_METHODS = ("GET", "HEAD")

DIST = Path(__file__).parents[1] / "web" / "dist"

NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Miso: the page is not built</title>
<style>
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1.5rem; color: #222 }
  code { background: #f0f0f2; padding: .15em .4em; border-radius: .3em }
  @media (prefers-color-scheme: dark) { body { background: #16171a; color: #ddd } code { background: #2a2c31 } }
</style>
<h1>The server runs, the page is not built</h1>
<p>Build it in Miso's folder with <code>make web</code> (it needs Node and npm), then load this address again.
<p>Clients of their own, such as <code>pymediasoup</code>, need no page and can connect already.
"""


_STYLE = NOT_BUILT.partition("<style>")[2].partition("</style>")[0]
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_NOT_BUILT_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Page(StaticFiles):
    """Serves the built page's files, and those of the page of the cluster.

    A browser asks for the page itself anew each time, so that it never runs an old one; the other files carry a hash of
    their content in the name and are kept.
    """

    def __init__(self, folder: Path = DIST) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if not (self._folder / "index.html").is_file():
            known = self.get_path(scope) in (".", "index.html")
            headers = {"Content-Security-Policy": _NOT_BUILT_POLICY}
            response = HTMLResponse(NOT_BUILT, 503, headers) if known else PlainTextResponse("Not Found", 404)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long a browser may keep it."""
        if scope["method"] not in _METHODS:
            await super().get_response(path, {**scope, "method": "HEAD"})  # 404 for a path that is nobody's
            raise HTTPException(405, headers={"Allow": ", ".join(_METHODS)})
        response = await super().get_response(path, scope)
        hashed = Path(path).parent.name == "assets" and response.status_code == 200
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response
