"""A guest's own words and wishes: they cost the others no more than a guest is worth."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any

import pytest

from miso.controller.types import RtpCapabilities
from miso.demo.server import DemoServer
from tests.demo.client import AUDIO, RTP_CAPABILITIES, SCTP_CAPABILITIES, VIDEO, Rejected, RoomClient
from tests.demo.conftest import counted, free_ports, ws_url
from tests.patience import PATIENCE_S

LONG = "x" * 20_000
MAX_TOLD_BYTES_OF_PEER = 200_000


async def until_refused(requests: Iterable[Awaitable[object]]) -> None:
    for request in requests:
        await request


def changed(parameters: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """The same parameters with one value replaced, or added."""
    result = copy.deepcopy(parameters)
    *way, last = path
    place: Any = result
    for step in way:
        place = place[step]
    place[last] = to
    return result


async def test_consumers_are_not_multiplied_unless_the_server_allows_it(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a", query="&consumerReplicas=32")
    second = await RoomClient.connect(url, "r", "b", query="&consumerReplicas=32")
    await first.join()
    await second.join()
    await second.produce("audio", AUDIO)
    await second.produce("video", VIDEO)
    await first.seen("newConsumer", lambda data: data["kind"] == "video")
    assert first.methods.count("newConsumer") == 2
    await first.close()
    await second.close()


async def test_a_peer_is_given_only_so_many_consumers(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, max_consumers_per_peer=3, max_consumer_replicas=8))
    await server.start()
    url = ws_url(server)
    first = await RoomClient.connect(url, "r", "a", query="&consumerReplicas=1")
    second = await RoomClient.connect(url, "r", "b")
    await second.join(data=True)
    await first.join(data=True)
    producers = [await second.produce("audio", changed(AUDIO, "encodings", 0, "ssrc", to=n)) for n in (1, 2, 3)]
    for _ in range(4):
        await second.produce_data("chat")
    await first.seen("newDataConsumer", count=3)  # the bot's and two more
    await first.seen("newConsumer", count=3)
    await second.request("getRouterRtpCapabilities")
    assert first.methods.count("newConsumer") == 3
    assert first.methods.count("newDataConsumer") == 3
    # what ends makes room
    for producer in producers:
        await second.request("closeProducer", producerId=producer)
    await first.seen("consumerClosed", count=3)
    await second.produce("audio", changed(AUDIO, "encodings", 0, "ssrc", to=4))
    await first.seen("newConsumer", count=5)
    assert await counted(server, "refusals", limit="consumers_per_peer") == 2
    await first.close()
    await second.close()
    await server.close()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mid",), LONG),
        (("rtcp", "cname"), LONG),
        (("rtcp", "what"), LONG),
        (("codecs", 0, "mimeType"), "video/" + LONG),
        (("codecs", 0, "parameters"), {"x-google": LONG}),
        (("codecs", 0, "parameters"), {LONG: 1}),
        (("codecs", 0, "rtcpFeedback"), [{"type": LONG}]),
        (("encodings", 0, "rid"), LONG),
        (("encodings", 0, "scalabilityMode"), LONG),
        (("encodings", 0, "what"), LONG),
        (("headerExtensions",), [{"uri": LONG, "id": 1}]),
        (("what",), LONG),
        (("mid",), "x" * 2_000),
        (("encodings", 0, "scalabilityMode"), "L1T3" + "x" * 500),
        (("codecs",), [{"mimeType": "video/VP8", "payloadType": n, "clockRate": 90000} for n in range(100)]),
        (("encodings",), [{} for _ in range(1_000)]),
        (("headerExtensions",), [{"uri": "u", "id": n} for n in range(100)]),
        (("encodings", 0, "maxBitrate"), 1e30),
        (("encodings", 0, "maxFramerate"), -1e300),
        (("codecs", 0, "parameters"), {"x-google-start-bitrate": 2**63}),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_a_producer_says_of_itself_is_bounded(url: str, path: tuple[str | int, ...], value: object) -> None:
    hostile, other = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await other.join()
    await hostile.join()
    with pytest.raises(Rejected) as caught:
        await hostile.produce("video", changed(VIDEO, *path, to=value))
    assert "rtpParameters" in caught.value.reason
    assert len(caught.value.reason) < 500
    await hostile.produce("audio", AUDIO)
    assert (await other.seen("newConsumer"))["kind"] == "audio"
    await hostile.close()
    await other.close()


@pytest.mark.parametrize("name", ["sctpStreamParameters", "label", "protocol", "appData"])
async def test_what_a_data_producer_says_of_itself_is_bounded(url: str, name: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join(data=True)
    transport = await client.transport(producing=True, sctpCapabilities=SCTP_CAPABILITIES)
    said: dict[str, Any] = {"sctpStreamParameters": {"streamId": 0}, "label": "chat", "protocol": "", "appData": {}}
    said[name] = {**said[name], "what": LONG} if isinstance(said[name], dict) else LONG
    with pytest.raises(Rejected, match=name):
        await client.request("produceData", transportId=transport["id"], **said)
    await client.close()


async def test_all_that_one_peer_tells_the_others_is_bounded(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join(data=True)
    transport = await client.transport(producing=True, sctpCapabilities=SCTP_CAPABILITIES)
    said = {"transportId": transport["id"], "label": "x" * 9_000}
    stream_ids = iter(range(64))
    asked = (client.request("produceData", sctpStreamParameters={"streamId": one}, **said) for one in stream_ids)
    with pytest.raises(Rejected, match="bytes") as caught:
        await until_refused(asked)
    assert caught.value.code == 413
    assert next(stream_ids) * 9_000 <= MAX_TOLD_BYTES_OF_PEER + 18_000
    await client.close()


async def test_what_a_closed_producer_said_no_longer_counts(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    transport = await client.transport(producing=True)
    for _ in range(MAX_TOLD_BYTES_OF_PEER // 9_000 + 2):
        data = {"transportId": transport["id"], "kind": "audio", "rtpParameters": AUDIO, "appData": {"x": "y" * 9_000}}
        producer = await client.request("produce", **data)
        await client.request("closeProducer", producerId=producer["id"])
    await client.close()


async def test_a_loop_of_producers_is_slowed_down(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    transport = await client.transport(producing=True)

    async def produce_and_close() -> None:
        made = await client.request("produce", transportId=transport["id"], kind="audio", rtpParameters=AUDIO)
        await client.request("closeProducer", producerId=made["id"])

    with pytest.raises(Rejected, match="too many") as caught:
        await until_refused(produce_and_close() for _ in range(200))
    assert caught.value.code == 429
    await client.close()


async def test_capabilities_are_cut_to_what_the_room_can_send(server: DemoServer, url: str) -> None:
    """Each producer is held against them, for each who joins: they must not be long."""
    many = copy.deepcopy(RTP_CAPABILITIES)
    codecs: list[dict[str, Any]] = many["codecs"]
    nonsense = [
        {"kind": "video", "mimeType": "video/VP8", "clockRate": 90000, "preferredPayloadType": n % 128}
        for n in range(400)
    ]
    feedback = [{"type": "nack", "parameter": str(n % 50)} for n in range(300)]
    many["codecs"] = [*codecs, *nonsense]
    codecs[0]["rtcpFeedback"] = feedback
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join(capabilities=many)
    [session] = [one for one in server.rooms.rooms[0].sessions if one.id == "a"]
    kept = session.rtp_capabilities
    assert isinstance(kept, RtpCapabilities)
    assert [codec.mime_type for codec in kept.codecs] == ["audio/opus", "video/VP8", "video/rtx"]
    assert len(kept.codecs[0].rtcp_feedback) <= 16
    await second.join()
    await second.produce("video", VIDEO)
    offered = (await first.seen("newConsumer"))["rtpParameters"]
    assert [codec["mimeType"] for codec in offered["codecs"]] == ["video/VP8", "video/rtx"]
    assert offered["encodings"][0]["rtx"]
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "capabilities", [{"codecs": "none"}, {"codecs": [{"mimeType": 5}]}, {"headerExtensions": [{"uri": "u"}]}]
)
async def test_wrong_capabilities_are_refused_and_the_client_may_join_with_right_ones(
    url: str, capabilities: object
) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await first.produce("audio", AUDIO)
    with pytest.raises(Rejected) as caught:
        await second.join(capabilities=capabilities)
    assert caught.value.code == 500
    assert "newPeer" not in first.methods
    await second.join()
    await second.seen("newConsumer")
    await first.close()
    await second.close()


async def test_no_log_line_tells_what_a_guest_made_long(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    with pytest.raises(Rejected):
        await client.produce("audio", changed(AUDIO, "codecs", 0, "mimeType", to="audio/" + "y" * 5_000))
    assert all(len(record.getMessage()) < 1000 for record in caplog.records)
    await client.close()


@pytest.mark.parametrize("method", ["pauseProducer", "changeDisplayName"])
async def test_a_loop_of_news_for_everybody_is_slowed_down(url: str, method: str) -> None:
    client, other = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await client.join()
    await other.join()
    producer = await client.produce("audio", AUDIO)
    await other.seen("consumerScore")

    async def turn(number: int) -> None:
        if method == "changeDisplayName":
            await client.request(method, displayName=str(number))
        else:
            await client.request(method, producerId=producer)
            await client.request("resumeProducer", producerId=producer)

    with pytest.raises(Rejected, match="everybody") as caught:
        await until_refused(turn(number) for number in range(400))
    assert caught.value.code == 429
    await other.request("getRouterRtpCapabilities")
    assert len(other.methods) < 250
    # what only this peer is told is not slowed down with it
    await client.request("getProducerStats", producerId=producer)
    await client.close()
    await other.close()


async def test_a_flood_to_the_bot_gets_few_answers_and_then_no_ear(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    [room] = server.rooms.rooms
    [session] = room.sessions
    transport = await room.router.create_direct_transport()
    flood = await transport.produce_data(label="bot")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    listener = await transport.consume_data(data_producer_id=room.shards.first.bot.data_producer.id)
    listener.on("message", lambda message, ppid: heard.put_nowait(message))
    await room.shards.first.bot.listen_to(session, flood)
    for number in range(3_000):
        flood.send(str(number))
        if number % 100 == 0:
            await transport.dump()  # the worker has read what was sent
    async with asyncio.timeout(PATIENCE_S):
        while (await room.router.dump()).map_data_producer_id_data_consumer_ids[flood.id]:
            pass
    assert 10 <= heard.qsize() < 500
    assert await counted(server, "refusals", limit="words_to_bot") >= 1_000
    await client.close()
