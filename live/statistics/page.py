"""The page ``/live/`` as it was built (``demo/web/live``): it shows operators what goes on, and plays streams."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

DIST: Final = Path(__file__).resolve().parents[2] / "demo" / "web" / "dist" / "live"
_NOT_BUILT = (
    "The page is not built: `make web` in Miso's folder does it (it needs Node and npm). Then start the server anew;\n"
    "where Miso was installed by pip, install it once more before that. Streams and /api/v1/ need no page.\n"
)


def page_routes(folder: Path = DIST) -> list[BaseRoute]:
    """What serves the page: one route for each file that is there now, so that no stream's address is taken.

    Browsers ask for the page itself anew each time; the other files have a hash of their content in the name.
    """

    async def to_page(request: Request) -> Response:
        return RedirectResponse("live/")

    async def page(request: Request) -> Response:
        index = folder / "index.html"
        if not index.is_file():
            return PlainTextResponse(_NOT_BUILT, 503)
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    def asset(file: Path) -> Route:
        async def answer(request: Request) -> Response:
            return FileResponse(file, headers={"Cache-Control": "public, max-age=31536000, immutable"})

        return Route(f"/live/assets/{file.name}", answer)

    assets = [asset(file) for file in sorted((folder / "assets").glob("*")) if file.is_file()]
    return [Route("/live", to_page), Route("/live/", page), *assets]
