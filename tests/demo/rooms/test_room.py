"""The room's protocol: what is answered, what is told to whom, and in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from miso.demo.server import DemoServer
from tests.demo.client import AUDIO, RTP_CAPABILITIES, VIDEO, Rejected, RoomClient
from tests.demo.conftest import free_ports, ws_url

DEVICE = {"flag": "chrome", "name": "Chrome"}


@pytest.mark.parametrize("query", ["", "?roomId=r", "?peerId=p", "?roomId=&peerId=p"])
async def test_a_client_without_room_or_peer_is_turned_away(url: str, query: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url}/{query}", subprotocols=[Subprotocol("protoo")], proxy=None)
    assert caught.value.response.status_code == 400
    reason = caught.value.response.headers["X-WebSocket-Reject-Reason"]
    assert reason == "Connection request without roomId and/or peerId"


async def test_the_version_comes_before_anything_else(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a", query="&consumerReplicas=undefined&forceH264=true")
    await client.request("getRouterRtpCapabilities")
    assert client.log[0][0] == "mediasoup-version"
    assert client.log[0][1]["version"]
    await client.close()


async def test_the_capabilities_have_the_rooms_codecs_in_both_dialects(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    capabilities = await client.request("getRouterRtpCapabilities")
    assert [codec["mimeType"] for codec in capabilities["codecs"]] == [
        "audio/opus",
        *("video/VP8", "video/rtx", "video/VP9", "video/rtx"),
        *("video/H264", "video/rtx", "video/H264", "video/rtx"),
    ]
    assert [codec["preferredPayloadType"] for codec in capabilities["codecs"]] == list(range(100, 109))
    assert capabilities["headerExtensions"]
    inner = capabilities.pop("routerRtpCapabilities")
    assert inner == capabilities
    await client.close()


async def test_a_transport_has_udp_and_tcp_candidates_and_tcp_only_when_forced(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    transport = await client.transport(producing=True)
    assert {candidate["protocol"] for candidate in transport["iceCandidates"]} == {"udp", "tcp"}
    assert {candidate["ip"] for candidate in transport["iceCandidates"]} == {"127.0.0.1"}
    best = max(transport["iceCandidates"], key=lambda candidate: candidate["priority"])
    assert best["protocol"] == "udp"
    assert transport["iceParameters"]["iceLite"] is True
    assert transport["dtlsParameters"]["role"] == "auto"
    assert any(print_["algorithm"] == "sha-256" for print_ in transport["dtlsParameters"]["fingerprints"])
    assert transport["id"] == transport["transportId"]
    assert "sctpParameters" not in transport
    forced = await client.transport(forceTcp=True, consuming=True)
    assert {candidate["protocol"] for candidate in forced["iceCandidates"]} == {"tcp"}
    assert {candidate["tcpType"] for candidate in forced["iceCandidates"]} == {"passive"}
    with_data = await client.transport(sctpCapabilities={"numStreams": {"OS": 1024, "MIS": 512}})
    assert with_data["sctpParameters"]["port"] == 5000
    await client.close()


async def test_restart_ice_gives_new_parameters(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    transport = await client.transport(producing=True)
    parameters = await client.request("restartIce", transportId=transport["id"])
    assert parameters["usernameFragment"] != transport["iceParameters"]["usernameFragment"]
    assert parameters["iceParameters"]["password"] == parameters["password"]
    await client.close()


@pytest.mark.parametrize(
    ("method", "data", "reason"),
    [
        ("nonsense", {}, 'unknown request.method "nonsense"'),
        ("produce", {"transportId": "t", "kind": "audio", "rtpParameters": {}}, "Peer not yet joined"),
        ("closeProducer", {"producerId": "p"}, "Peer not yet joined"),
        ("pauseConsumer", {"consumerId": "c"}, "Peer not yet joined"),
        ("changeDisplayName", {"displayName": "x"}, "Peer not yet joined"),
        ("restartIce", {"transportId": "t"}, 'transport with id "t" not found'),
        ("getTransportStats", {"transportId": "t"}, 'transport with id "t" not found'),
        ("getProducerStats", {"producerId": "p"}, 'producer with id "p" not found'),
        ("getConsumerStats", {"consumerId": "c"}, 'consumer with id "c" not found'),
        ("produceData", {"transportId": "t", "sctpStreamParameters": {}}, "Peer not yet joined"),
        ("getDataProducerStats", {"dataProducerId": "d"}, 'dataProducer with id "d" not found'),
        ("getDataConsumerStats", {"dataConsumerId": "d"}, 'dataConsumer with id "d" not found'),
    ],
)
async def test_what_cannot_be_done_is_answered_500_with_the_reason(
    url: str, method: str, data: dict[str, object], reason: str
) -> None:
    client = await RoomClient.connect(url, "r", "a")
    with pytest.raises(Rejected) as caught:
        await client.request(method, **data)
    assert (caught.value.code, caught.value.reason) == (500, reason)
    await client.close()


@pytest.mark.parametrize(
    ("method", "code"),
    [("applyNetworkThrottle", 403), ("resetNetworkThrottle", 403)],
)
async def test_what_is_not_offered_is_said_clearly(url: str, method: str, code: int) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    with pytest.raises(Rejected) as caught:
        await client.request(method, secret="x")
    assert caught.value.code == code
    await client.close()


async def test_wrong_data_is_answered_with_the_wrong_field(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    transport = await client.transport(producing=True)
    for data, field in (
        ({"transportId": 5}, "transportId"),
        ({"transportId": transport["id"], "kind": "smell", "rtpParameters": {}}, "kind"),
        ({"transportId": transport["id"], "kind": "audio", "rtpParameters": {"codecs": "none"}}, "codecs"),
        ([1], "object"),
    ):
        with pytest.raises(Rejected, match=field):
            await client.ask("produce", data)
    assert await client.request("getRouterRtpCapabilities")
    await client.close()


async def test_joining_shows_everybody_to_everybody(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    assert (await first.join("Ann"))["peers"] == []
    [peer] = (await second.join("Bob"))["peers"]
    assert {key: peer[key] for key in ("id", "displayName", "device")} == {
        "id": "a",
        "displayName": "Ann",
        "device": DEVICE,
    }
    told = await first.seen("newPeer")
    assert (told["id"], told["displayName"], told["device"]) == ("b", "Bob", DEVICE)
    with pytest.raises(Rejected, match="Peer already joined"):
        await second.request("join", displayName="Bob", device=DEVICE)
    await second.request("changeDisplayName", displayName="Bert")
    renamed = await first.seen("peerDisplayNameChanged")
    assert renamed == {"peerId": "b", "displayName": "Bert", "oldDisplayName": "Bob"}
    await first.close()
    await second.close()


async def test_a_joiner_gets_the_answer_then_a_consumer_for_everything_sent(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    audio = await first.produce("audio", AUDIO)
    video = await first.produce("video", VIDEO, share=True)
    second = await RoomClient.connect(url, "r", "b")
    await second.join()
    await second.seen("newConsumer", count=2)
    await second.seen("consumerScore", count=2)
    methods = second.methods
    assert methods.index("answer:join") < methods.index("newConsumer") < methods.index("consumerScore")
    consumers = {data["kind"]: data for method, data in second.log if method == "newConsumer"}
    assert consumers["audio"]["producerId"] == audio
    assert consumers["video"]["producerId"] == video
    assert consumers["video"]["appData"] == {"share": True, "peerId": "a"}
    assert {data["peerId"] for data in consumers.values()} == {"a"}
    assert {data["type"] for data in consumers.values()} == {"simple"}
    assert {data["producerPaused"] for data in consumers.values()} == {False}
    assert consumers["audio"]["rtpParameters"]["codecs"][0]["mimeType"] == "audio/opus"
    assert consumers["audio"]["rtpParameters"]["encodings"][0]["ssrc"] > 0
    score = await second.seen("consumerScore")
    assert set(score["score"]) == {"score", "producerScore", "producerScores"}
    await first.close()
    await second.close()


async def test_who_is_there_gets_a_consumer_after_the_producer_got_its_answer(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    producer = await second.produce("audio", AUDIO)
    consumer = await first.seen("newConsumer")
    assert consumer["producerId"] == producer
    assert first.methods.index("newPeer") < first.methods.index("newConsumer")
    assert "newConsumer" not in second.methods
    await first.close()
    await second.close()


async def test_a_consumer_starts_when_the_client_is_ready_and_stays_paused_when_it_refuses(
    server: DemoServer, url: str
) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    await first.produce("audio", AUDIO)
    second = await RoomClient.connect(url, "r", "b", answers=False)
    third = await RoomClient.connect(url, "r", "c", answers=False)
    for client in (second, third):
        await client.join()
        await client.seen("newConsumer")
    sessions = {session.id: session for session in server.rooms.rooms[0].sessions}
    consumers = {name: next(iter(sessions[name].consumers.values())) for name in "bc"}
    assert {consumer.paused for consumer in consumers.values()} == {True}
    await second.answer(second.asked[0])
    await third.refuse(third.asked[0])
    await second.seen("consumerScore")
    assert consumers["b"].paused is False
    # a refused consumer can be resumed later
    assert consumers["c"].paused is True
    await third.request("resumeConsumer", consumerId=consumers["c"].id)
    assert consumers["c"].paused is False
    for client in (first, second, third):
        await client.close()


async def test_nobody_gets_what_it_cannot_receive(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    await first.produce("audio", AUDIO)
    await first.produce("video", VIDEO)
    deaf = await RoomClient.connect(url, "r", "b")
    await deaf.join(capabilities=None)
    audio_only = {"codecs": RTP_CAPABILITIES["codecs"][:1], "headerExtensions": []}
    listener = await RoomClient.connect(url, "r", "c")
    await listener.join(capabilities=audio_only)
    await listener.seen("consumerScore")
    kinds = [data["kind"] for method, data in listener.log if method == "newConsumer"]
    assert kinds == ["audio"]
    # an answer that comes later than any consumer would have
    await deaf.request("getRouterRtpCapabilities")
    assert "newConsumer" not in deaf.methods
    for client in (first, deaf, listener):
        await client.close()


async def test_pausing_and_closing_a_producer_is_told_to_who_receives_it(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    producer = await first.produce("audio", AUDIO)
    consumer = (await second.seen("newConsumer"))["id"]
    await second.seen("consumerScore")
    await first.request("pauseProducer", producerId=producer)
    assert await second.seen("consumerPaused") == {"consumerId": consumer}
    await first.request("resumeProducer", producerId=producer)
    assert await second.seen("consumerResumed") == {"consumerId": consumer}
    await first.request("closeProducer", producerId=producer)
    assert await second.seen("consumerClosed") == {"consumerId": consumer}
    with pytest.raises(Rejected, match="not found"):
        await first.request("closeProducer", producerId=producer)
    with pytest.raises(Rejected, match="not found"):
        await second.request("pauseConsumer", consumerId=consumer)
    await first.close()
    await second.close()


async def test_news_that_wait_are_not_told_of_what_is_gone(server: DemoServer, url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    producer = await first.produce("audio", AUDIO)
    consumer = (await second.seen("newConsumer"))["id"]
    [session] = [session for session in server.rooms.rooms[0].sessions if session.id == "b"]
    for number in range(3):  # the first goes at once, the latest waits
        session.notify_latest("news", consumer, {"of": "consumer", "number": number})
        session.notify_latest("news", "another", {"of": "another", "number": number})
    await first.request("closeProducer", producerId=producer)
    await second.seen("consumerClosed")
    await second.seen("news", lambda data: data == {"of": "another", "number": 2})  # its time came after the consumer's
    told = [data for method, data in second.log if method == "news" and data["of"] == "consumer"]
    assert told == [{"of": "consumer", "number": 0}]
    await first.close()
    await second.close()


async def test_a_receiver_pauses_prefers_and_looks_at_its_consumer(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    producer = await first.produce("video", VIDEO)
    consumer = (await second.seen("newConsumer"))["id"]
    await second.seen("consumerScore")
    for method in ("pauseConsumer", "resumeConsumer", "requestConsumerKeyFrame"):
        assert await second.request(method, consumerId=consumer) == {}
    await second.request("setConsumerPriority", consumerId=consumer, priority=2)
    await second.request("setConsumerPreferredLayers", consumerId=consumer, spatialLayer=0, temporalLayer=0)
    assert isinstance(await second.request("getConsumerStats", consumerId=consumer), list)
    assert isinstance(await first.request("getProducerStats", producerId=producer), list)
    await first.close()
    await second.close()


async def test_statistics_are_an_array_and_wrapped_for_clients_of_2026(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    transport = await client.transport(producing=True)
    [stats] = await client.request("getTransportStats", transportId=transport["id"])
    assert stats["type"] == "webrtc-transport"
    newer = await client.request("createWebRtcTransport", appData={"direction": "consumer"})
    stats = await client.request("getTransportStats", transportId=newer["transportId"])
    assert stats["stats"][0]["transportId"] == newer["transportId"]
    await client.close()


async def test_clients_of_2026_send_some_requests_as_notifications(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    producer = await first.produce("audio", AUDIO)
    await second.seen("newConsumer")
    await first.send(notification=True, method="pauseProducer", data={"producerId": producer})
    await second.seen("consumerPaused")
    await first.send(notification=True, method="nonsense", data={})
    await first.request("resumeProducer", producerId=producer)
    await first.close()
    await second.close()


async def test_who_leaves_is_announced_before_its_streams_end(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join()
    await second.join()
    await first.produce("audio", AUDIO)
    await second.seen("consumerScore")
    await first.close()
    assert await second.seen("peerClosed") == {"peerId": "a"}
    await second.seen("consumerClosed")
    assert second.methods.index("peerClosed") < second.methods.index("consumerClosed")
    await second.close()


async def test_who_leaves_without_having_joined_is_not_announced(url: str) -> None:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    third = await RoomClient.connect(url, "r", "c")
    for client in (first, third):
        await client.join()
    await second.close()
    await third.close()
    assert await first.seen("peerClosed") == {"peerId": "c"}
    await first.close()


async def test_the_room_ends_with_its_last_peer(server: DemoServer, url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.request("getRouterRtpCapabilities")
    [room] = server.rooms.rooms
    router = room.router
    await client.close()
    again = await RoomClient.connect(url, "r", "a")
    await again.join()
    [new_room] = server.rooms.rooms
    assert room.closed
    assert router.closed
    assert new_room is not room
    await again.close()


async def test_the_only_peer_comes_back_with_its_id_and_the_room_lives(server: DemoServer, url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    [room] = server.rooms.rooms
    second = await RoomClient.connect(url, "r", "a")
    assert await first.closed() == 4000
    await second.join()
    await second.produce("audio", AUDIO)
    assert server.rooms.rooms == [room]
    assert not room.closed
    await second.close()


async def test_who_comes_back_is_a_new_peer_to_the_others(url: str) -> None:
    other = await RoomClient.connect(url, "r", "b")
    await other.join()
    first = await RoomClient.connect(url, "r", "a")
    await first.join()
    await first.produce("audio", AUDIO)
    await other.seen("consumerScore")
    second = await RoomClient.connect(url, "r", "a")
    await second.join()
    await other.seen("newPeer", count=2)
    await other.seen("consumerClosed")
    assert [method for method in other.methods if method in ("newPeer", "peerClosed")] == [
        "newPeer",
        "peerClosed",
        "newPeer",
    ]
    await second.close()
    await other.close()


async def test_many_come_at_once_into_one_room(server: DemoServer, url: str) -> None:
    clients = await asyncio.gather(*(RoomClient.connect(url, "r", f"p{number}") for number in range(12)))
    await asyncio.gather(*(client.join() for client in clients))
    assert len(server.rooms) == 1
    await asyncio.gather(*(client.produce("audio", AUDIO) for client in clients))
    await asyncio.gather(*(client.seen("newConsumer", count=11) for client in clients))
    for client in clients:
        producers = [data["producerId"] for method, data in client.log if method == "newConsumer"]
        assert len(producers) == len(set(producers)) == 11
    await asyncio.gather(*(client.close() for client in clients))


async def test_consumers_are_multiplied_for_who_makes_the_room_where_the_server_allows_it(tmp_path: Path) -> None:
    server = DemoServer(free_ports(tmp_path, max_consumer_replicas=2))
    await server.start()
    url = ws_url(server)
    first = await RoomClient.connect(url, "r", "a", query="&consumerReplicas=32")
    await first.join()
    second = await RoomClient.connect(url, "r", "b")
    await second.join()
    await second.produce("audio", AUDIO)
    await first.seen("consumerScore", count=3)
    assert len({data["id"] for method, data in first.log if method == "newConsumer"}) == 3
    await first.close()
    await second.close()
    await server.close()


async def test_a_transport_made_while_its_peer_leaves_does_not_stay(server: DemoServer, url: str) -> None:
    other = await RoomClient.connect(url, "r", "b")
    await other.join()
    client = await RoomClient.connect(url, "r", "a")
    for number in range(20):
        await client.send(request=True, id=number, method="createWebRtcTransport", data={"consuming": True})
    await client.close()
    [room] = server.rooms.rooms
    for _ in range(3):  # the worker answers in order: these come after the transports above
        await other.transport()
    dump = await room.router.dump()
    assert len(dump.transport_ids) == 4 + 1  # and the bot's
    await other.close()
