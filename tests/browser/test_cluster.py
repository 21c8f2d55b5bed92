"""Three servers with one Redis, and pages on each: one room, also when a server drains or is killed, or Redis is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.call import Call
from tests.browser.cameras import FULL
from tests.browser.cluster import Cluster, running
from tests.browser.host_killed import kill_first
from tests.browser.marks import MARK_FRAMES, MARK_JOINING, joining_of
from tests.browser.people import ARRIVAL_TIMEOUT, SWITCH_TIMEOUT, Crowd, Person, eventually
from tests.browser.redis_away import Outage
from tests.browser.relay import RELAY_IP, Conditions, Relay
from tests.browser.server import DemoServer

pytestmark = pytest.mark.asyncio(loop_scope="package")

SPEAKS_WHEN_TOLD = """
{
  let volume = null;
  window.speak = async (loud) => { await volume.context.resume(); volume.gain.value = loud ? 0.5 : 0; };
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (!wanted.audio) return open(wanted);
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { type: "sawtooth", frequency: 300 });
    const speech = context.createMediaStreamDestination();
    volume = new GainNode(context, { gain: 0 });
    tone.connect(volume).connect(speech);
    tone.start();
    return speech.stream;
  };
}
"""
"""The microphone: a tone that is heard after ``speak(true)``."""

COUNT_CONNECTIONS = """
window.connections = 0;
window.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    connections += 1;
  }
};
"""
MANY_CONNECTIONS = 100
"""A page that knows no way waits between its attempts."""

ALL_SENT_TIMEOUT = 90.0
"""Seconds until Chromium, which begins with the small picture, sends every version."""
NARROW = Conditions(delay_ms=10, down_bps=250_000, queue_ms=400)
"""Enough for the small picture."""

LAX_GAP_S = 3.0
"""Less than it takes to notice that a server is gone: nothing between the others waits for that."""


@pytest_asyncio.fixture(loop_scope="package")
async def cluster(built_page: None) -> AsyncIterator[Cluster]:
    async with running(Cluster()) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def lasting_cluster(built_page: None) -> AsyncIterator[Cluster]:
    """For tests that end no server."""
    async with running(Cluster()) as cluster:
        yield cluster


async def one_on_each(crowd: Crowd, cluster: Cluster, room: str, **options: str) -> list[Person]:
    names = ("Ana", "Bo", "Chi")
    return [await cluster.come(crowd, number, name, room, **options) for number, name in enumerate(names)]


async def expect_in_chat(person: Person, author: str, text: str) -> None:
    said = person.page.get_by_role("log").get_by_role("article").filter(has_text=author)
    await expect(said.filter(has_text=text)).to_be_visible()


async def choose(viewer: Person, sender: Person, group: str, name: str) -> None:
    """In the menu of a tile, which it opens and closes."""
    await viewer.tile_of(sender).hover()
    await viewer.click(f"Options for {sender.name}")
    menu = viewer.page.get_by_role("dialog", name=sender.name)
    await menu.get_by_role("group", name=group).get_by_role("radio", name=name).check()
    await menu.get_by_role("button", name="Close").click()


async def expect_current(viewer: Person, layers: str) -> None:
    """Asserts that the server sends these layers now, as it says itself."""

    async def sent() -> bool:
        streams = await viewer.page.evaluate("miso.state.streams.map(({kind, current}) => ({kind, current}))")
        current = next(stream["current"] or {} for stream in streams if stream["kind"] == "video")
        return f"{current.get('spatial')}/{current.get('temporal')}" == layers

    await eventually(sent, ARRIVAL_TIMEOUT, lambda: viewer.describe(f"does not get {layers}"))


async def expect_speaker(people: list[Person], speaker: Person) -> None:
    wanted = [await speaker.peer_id()] * len(people)

    async def all_agree() -> bool:
        return [await person.page.evaluate("miso.state.activeSpeakerId") for person in people] == wanted

    await eventually(all_agree, ARRIVAL_TIMEOUT, lambda: speaker.describe("is not the active speaker everywhere"))


async def test_pages_of_all_servers_see_hear_and_write_to_each_other_and_to_the_bot(
    crowd: Crowd, lasting_cluster: Cluster
) -> None:
    people = await one_on_each(crowd, lasting_cluster, "talk", script=MARK_FRAMES + MARK_JOINING)
    await asyncio.gather(*(one.expect_media(*(other for other in people if other is not one)) for one in people))
    for person in people:
        await person.click("Chat")
    for writer in people:
        field = writer.page.get_by_role("complementary", name="Chat").get_by_role("textbox", name="Message")
        await expect(field).to_have_attribute("placeholder", "Write to everybody")
        for text in (f"I am {writer}", f"@bot this is {writer}"):
            await field.fill(text)
            await field.press("Enter")
    for reader in people:
        for writer in people:
            await expect_in_chat(reader, f"{writer}", f"I am {writer}")
            await expect_in_chat(reader, "Bot", f'{writer} said me: "this is {writer}"')
    await lasting_cluster.expect_agreement("talk", people)
    joinings = [await joining_of(person) for person in people]
    # How long it takes depends on the machine; ``python -m tests.browser.join_time`` tells.
    assert all(joining is not None for joining in joinings), joinings


async def test_the_active_speaker_is_the_same_on_all_pages(crowd: Crowd, lasting_cluster: Cluster) -> None:
    people = await one_on_each(crowd, lasting_cluster, "speakers", script=SPEAKS_WHEN_TOLD)
    for person in people:
        await expect(person.tiles).to_have_count(2)
        await person.wait_until_sending()
    for speaker in (people[0], people[2], people[1]):
        await speaker.page.evaluate("speak(true)")
        await expect_speaker(people, speaker)
        await speaker.page.evaluate("speak(false)")


async def expect_a_smaller_picture(viewer: Person, sender: Person) -> None:
    """Which one is the server's choice: few frames of the middle one may take no more than all of the smallest."""

    async def shown() -> bool:
        video = await viewer.received(sender, "video")
        return video is not None and video["width"] < FULL.width and bool(video["fps"])

    await eventually(shown, SWITCH_TIMEOUT, lambda: viewer.describe("the largest picture"))


async def test_layers_are_chosen_across_servers_by_who_watches_and_by_bandwidth(crowd: Crowd, built_page: None) -> None:
    cluster = Cluster(2)
    watched_from = cluster.servers[1]
    watched_from.flags += ("--announced-address", RELAY_IP)
    relay = Relay(watched_from.media_port)
    relay.start()
    try:
        async with running(cluster):
            ana = await cluster.come(crowd, 0, "Ana", "layers", FULL, consume="false")
            bo = await cluster.come(crowd, 1, "Bo", "layers", produce="false")
            await bo.expect_width(ana, FULL.width, ALL_SENT_TIMEOUT)
            await choose(bo, ana, "Picture", "Low")
            await bo.expect_width(ana, FULL.width // 4)
            await choose(bo, ana, "Picture", "Medium")
            await bo.expect_width(ana, FULL.width // 2)
            await choose(bo, ana, "Motion, at best", "Quarter")
            await expect_current(bo, "1/0")
            await choose(bo, ana, "Motion, at best", "Full")
            await choose(bo, ana, "Picture", "High")
            await bo.expect_width(ana, FULL.width)
            relay.change(relay.clients(), NARROW)
            await expect_a_smaller_picture(bo, ana)
            relay.change(relay.clients(), Conditions())
            await bo.expect_width(ana, FULL.width)
    finally:
        relay.close()


async def test_who_was_on_a_killed_server_is_back_and_the_others_notice_nothing(crowd: Crowd, cluster: Cluster) -> None:
    call = await Call.begin(crowd, cluster)
    outcome = await kill_first(call)
    await call.end()
    ana, bo, chi = call.pages
    await asyncio.gather(ana.expect_media(bo, chi), bo.expect_media(ana, chi))
    await cluster.expect_agreement("one", call.pages)
    assert all(flow.gap < LAX_GAP_S + 2 * flow.sender_gap for flow in outcome.flows), outcome


async def test_without_redis_nothing_stops_and_afterwards_everybody_sees_everybody(
    crowd: Crowd, cluster: Cluster
) -> None:
    outcome = await Outage(crowd, await Call.begin(crowd, cluster), "kill").last(seconds=8)
    assert outcome.left == []
    assert all(flow.gap < LAX_GAP_S + 2 * flow.sender_gap for flow in outcome.flows), outcome


async def test_a_server_that_ends_sends_its_page_to_another_one_first(crowd: Crowd, cluster: Cluster) -> None:
    ana, bo = await cluster.come(crowd, 0, "Ana"), await cluster.come(crowd, 1, "Bo")
    await asyncio.gather(ana.wait_for_media(bo), bo.wait_for_media(ana))
    assert await cluster.servers[0].stop() == 0
    await asyncio.gather(ana.expect_media(bo), bo.expect_media(ana))
    assert "draining: 1 are told" in cluster.servers[0].log


@pytest.mark.parametrize("pages", ["http://localhost:*", ""], ids=["by-pattern", "not-at-all"])
async def test_a_page_goes_to_a_server_that_came_after_it_only_where_that_is_allowed(
    crowd: Crowd, built_page: None, pages: str
) -> None:
    cluster = Cluster(2, ("--cluster-pages", pages))
    first, later = cluster.servers

    async def describe() -> str:
        return f"{await ana.describe('is not in the room')}\n{await cluster.logs()}"

    try:
        await cluster.redis.start()
        await first.start()
        ana = await cluster.come(crowd, 0, "Ana", script=COUNT_CONNECTIONS)
        await ana.wait_until_joined()
        await later.start()
        await cluster.know_each_other()
        assert await first.stop() == 0
        if not pages:
            await first.start()
        await eventually(ana.is_joined, ARRIVAL_TIMEOUT, describe)
        assert await ana.page.evaluate("miso.client.server") == (later if pages else first).url.rstrip("/")
        assert await ana.page.evaluate("connections") < MANY_CONNECTIONS
    finally:
        await cluster.close()


@pytest.mark.parametrize("is_away", [False, True], ids=["that-runs", "that-comes-back"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["refused", "not-answered"])
async def test_a_page_whose_server_is_killed_finds_one_that_came_later(
    crowd: Crowd, built_page: None, is_away: bool, is_silent: bool
) -> None:
    cluster = Cluster(2, ("--cluster-pages", "http://localhost:*"))
    first, later = cluster.servers

    async def cluster_of_one() -> bool:
        return [len(view["nodes"]) for view in await cluster.views()] == [1]

    try:
        await cluster.redis.start()
        await first.start()
        ana = await cluster.come(crowd, 0, "Ana")
        await ana.wait_until_joined()
        await later.start()
        await cluster.know_each_other()
        if is_away:
            assert await later.stop() == 0
            await eventually(cluster_of_one, ARRIVAL_TIMEOUT, cluster.logs)
        cluster.kill(0)
        assert await first.stop() < 0
        with nobody_at(first.port) if is_silent else nullcontext():
            if is_away:
                await later.start()
            await eventually(is_at(ana, later), ARRIVAL_TIMEOUT, cluster.logs)
    finally:
        await cluster.close()


@contextmanager
def nobody_at(port: int) -> Iterator[None]:
    """Takes connections there, and answers nothing: as a machine that is gone, which a browser waits for."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def is_at(person: Person, server: DemoServer) -> Callable[[], Awaitable[bool]]:
    """Whether somebody is in the room through a server."""

    async def is_there() -> bool:
        return await person.is_joined() and await person.page.evaluate("miso.client.server") == server.url.rstrip("/")

    return is_there
