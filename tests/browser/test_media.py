"""People in one room see and hear each other, whatever way their packets take."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.cameras import MEDIUM, SMALL, Camera
from tests.browser.people import Crowd, Person, expect_media_both_ways
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")


ONE_VERSION = {"enableWebcamLayers": "false"}
"""For what is about the way and not about layers: two cores also encode for several pages at once."""


async def _pair(crowd: Crowd, url: str, room: str, camera: Camera = SMALL, **query: str) -> tuple[Person, Person]:
    query = ONE_VERSION | query
    ana, bo = await asyncio.gather(*(crowd.join(url, room, name, camera, **query) for name in ("Ana", "Bo")))
    return ana, bo


async def _expect_both(ana: Person, bo: Person) -> None:
    await expect_media_both_ways(ana, bo)
    assert ana.errors + bo.errors == []


async def _protocols(*people: Person) -> set[str]:
    return {report["protocol"] for person in people for report in await person.stats()}


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_two_people_see_and_hear_each_other_through_one_port(
    crowd: Crowd, one_port_server: DemoServer, protocol: str
) -> None:
    ana, bo = await _pair(crowd, one_port_server.url, f"one-port-{protocol}", forceTcp=str(protocol == "tcp").lower())
    await _expect_both(ana, bo)
    assert await _protocols(ana, bo) == {protocol}
    ports = {report["serverAddress"] for person in (ana, bo) for report in await person.stats()}
    assert len(ports) == 1


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_two_people_see_and_hear_each_other_through_own_ports(
    crowd: Crowd, own_ports_server: DemoServer, protocol: str
) -> None:
    url = own_ports_server.url
    ana, bo = await _pair(crowd, url, f"own-ports-{protocol}", forceTcp=str(protocol == "tcp").lower())
    await _expect_both(ana, bo)
    assert await _protocols(ana, bo) == {protocol}
    ports = {report["serverAddress"] for person in (ana, bo) for report in await person.stats()}
    assert len(ports) == 4


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264"])
async def test_video_arrives_in_the_codec_that_the_link_names(crowd: Crowd, server: DemoServer, codec: str) -> None:
    ana, bo = await _pair(crowd, server.url, f"codec-{codec}", MEDIUM, codec=codec, enableWebcamLayers="true")
    await _expect_both(ana, bo)
    video = await bo.received(ana, "video")
    assert video is not None
    assert video["codec"].lower() == codec


async def test_three_people_see_and_hear_each_other_and_a_leaver_vanishes(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "three")
    chi = await crowd.join(server.url, "three", "Chi", **ONE_VERSION)
    everybody = [ana, bo, chi]
    await asyncio.gather(
        *(person.expect_media(*(other for other in everybody if other is not person)) for person in everybody)
    )
    for person in everybody:
        await expect(person.tiles).to_have_count(2)
    await chi.click("Leave")
    await expect(ana.tiles).to_have_count(1)
    await expect(bo.tiles).to_have_count(1)
    await expect(ana.tile_of(chi)).to_have_count(0)
    await bo.leave()
    await expect(ana.tiles).to_have_count(0)
    await expect(ana.page.get_by_text("You are the only one here")).to_be_visible()


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
async def test_media_flows_after_an_ice_restart(crowd: Crowd, server: DemoServer, protocol: str) -> None:
    ana, bo = await _pair(crowd, server.url, f"restart-{protocol}", forceTcp=str(protocol == "tcp").lower())
    await _expect_both(ana, bo)
    await asyncio.gather(*(person.page.evaluate("miso.client.restartIce()") for person in (ana, bo)))
    await _expect_both(ana, bo)
    for person in (ana, bo):
        await person.page.wait_for_function(
            "() => Object.values(miso.state.connections).every((state) => state === 'connected')"
        )


async def test_a_sent_stream_is_reported_back_by_the_server(crowd: Crowd, server: DemoServer) -> None:
    ana, bo = await _pair(crowd, server.url, "reports")
    await _expect_both(ana, bo)
    sent = [report for report in await ana.stats() if report["direction"] == "send"]
    assert {report["source"] for report in sent} == {"mic", "camera"}
    assert all(report["rttMs"] is not None for report in sent)
    assert all(0 <= report["packetsLost"] <= 10 + report["packets"] / 10 for report in sent)  # of a busy machine
