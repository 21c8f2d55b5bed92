"""Behind a proxy, viewers are who the proxy says, if it is trusted."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from miso.live.hls.routes import hls_routes
from tests.live.hls.cutting import encoded
from tests.live.hls.house import PATH, house, send

pytest.importorskip("av", reason="PyAV is missing")


@pytest.mark.parametrize(("trusted", "address"), [(["127.0.0.0/8"], "192.0.2.7"), ([], "127.0.0.1")])
async def test_the_address_of_a_viewer(trusted: list[str], address: str) -> None:
    async with house() as (made, _):
        await send(made.publish(), encoded("libx264", "aac"))
        app = Starlette(routes=hls_routes(made.service, trusted))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
            answer = await http.get(f"http://host/{PATH}.m3u8", headers={"X-Forwarded-For": "192.0.2.7"})
        assert answer.status_code == 200
        assert [session.address for session in made.sessions] == [address]
