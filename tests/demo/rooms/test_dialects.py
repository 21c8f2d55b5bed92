"""Clients of the classic mediasoup-demo and of that of 2026: each hears what it understands."""

from __future__ import annotations

import pytest

from miso.controller.types import ConsumerLayers
from miso.demo.rooms.dialect import Dialect, DialectGuess
from miso.demo.rooms.session import layers_told
from tests.demo.client import RTP_CAPABILITIES, Rejected, RoomClient

CLASSIC, OF_2026 = "mediasoup-version", "mediasoupVersion"


def versions(client: RoomClient) -> list[str]:
    return [method for method in client.methods if method in (CLASSIC, OF_2026)]


async def enter_2026(url: str, peer: str, query: str = "&usePipeTransports=false") -> RoomClient:
    """As the page of 2026 does with mediasoup-client 3.24: nothing is said of SCTP."""
    client = await RoomClient.connect(url, "r", peer, query=query)
    await client.request("getRtcStatsUrl")
    await client.request("getRouterRtpCapabilities")
    for direction in ("producer", "consumer"):
        await client.request("createWebRtcTransport", forceTcp=False, appData={"direction": direction})
    return client


async def join_2026(url: str, peer: str) -> RoomClient:
    client = await enter_2026(url, peer)
    await client.request("join", displayName=peer, device={}, rtpCapabilities=RTP_CAPABILITIES)
    return client


@pytest.mark.parametrize(
    "query", ["&usePipeTransports=false", "&consumerReplicas=undefined&usePipeTransports=undefined", ""]
)
async def test_a_client_of_2026_hears_the_version_in_its_own_words_only(url: str, query: str) -> None:
    client = await enter_2026(url, "a", query)
    assert (await client.seen(OF_2026))["version"]
    assert versions(client) == [OF_2026]
    assert client.methods[0] == OF_2026
    await client.close()


@pytest.mark.parametrize("query", ["&consumerReplicas=undefined", ""])
async def test_a_classic_client_hears_the_version_in_its_own_words_only(url: str, query: str) -> None:
    client = await RoomClient.connect(url, "r", "a", query=query)
    await client.request("getRouterRtpCapabilities")
    await client.transport(producing=True)
    await client.join()
    assert versions(client) == [CLASSIC]
    await client.close()


async def test_an_older_client_of_2026_is_known_by_its_first_transport(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.request("getRouterRtpCapabilities")
    await client.request("createWebRtcTransport", appData={"direction": "producer"})
    assert versions(client) == [OF_2026]
    await client.close()


async def test_who_joins_without_a_transport_is_a_classic_client(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.request("join", displayName="N", device={})
    assert versions(client) == [CLASSIC]
    await client.close()


async def test_who_asks_nothing_hears_the_version_as_a_classic_client(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DialectGuess, "PATIENCE_S", 0.0)
    client = await RoomClient.connect(url, "r", "a")
    await client.seen(CLASSIC)
    assert client.methods == [CLASSIC]
    await client.close()


async def test_a_guess_that_was_wrong_is_made_good() -> None:
    told: list[Dialect] = []
    guess = DialectGuess({}, told.append)
    guess.learn(Dialect.CLASSIC)
    assert not guess.is_2026
    guess.learn(Dialect.OF_2026)
    guess.learn(Dialect.CLASSIC)
    guess.learn(Dialect.OF_2026)
    assert guess.is_2026
    assert told == [Dialect.CLASSIC, Dialect.OF_2026]


async def test_clients_of_2026_are_offered_data_channels_though_they_say_nothing_of_sctp(url: str) -> None:
    client = await join_2026(url, "a")
    for answer in (data for method, data in client.log if method == "answer:createWebRtcTransport"):
        assert answer["sctpParameters"] == {"port": 5000, "OS": 1024, "MIS": 1024, "maxMessageSize": 262144}
    assert (await client.seen("newDataConsumer"))["label"] == "bot"
    await client.close()


async def test_a_classic_client_that_says_nothing_of_sctp_gets_no_data_channels(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    assert "sctpParameters" not in await client.transport(producing=True)
    await client.request("getRouterRtpCapabilities")
    assert "newDataConsumer" not in client.methods
    await client.close()


@pytest.mark.parametrize("label", ["chat", "", "anything"])
async def test_chat_passes_between_the_dialects(url: str, label: str) -> None:
    newer, classic = await join_2026(url, "a"), await RoomClient.connect(url, "r", "b")
    await classic.join(data=True)
    sending = next(data for method, data in newer.log if method == "answer:createWebRtcTransport")
    made = await newer.request(
        "produceData",
        transportId=sending["transportId"],
        sctpStreamParameters={"streamId": 1, "ordered": True, "label": label, "protocol": ""},
        label=label,
        protocol="",
        appData={"channel": "chat"},
    )
    offered = await classic.seen("newDataConsumer", lambda data: data["dataProducerId"] == made["dataProducerId"])
    assert (offered["peerId"], offered["label"]) == ("a", label)
    await classic.produce_data("chat")
    await newer.seen("newDataConsumer", lambda data: data["peerId"] == "b")
    await newer.close()
    await classic.close()


async def test_a_channel_of_2026_to_the_bot_is_the_bots_alone(url: str) -> None:
    newer = await join_2026(url, "a")
    sending = next(data for method, data in newer.log if method == "answer:createWebRtcTransport")
    await newer.request(
        "produceData", transportId=sending["id"], sctpStreamParameters={"streamId": 0}, appData={"channel": "bot"}
    )
    later = await join_2026(url, "b")
    await later.seen("newDataConsumer")
    await later.request("getRouterRtpCapabilities")
    assert [data["peerId"] for method, data in later.log if method == "newDataConsumer"] == [None]
    await newer.close()
    await later.close()


async def test_statistics_have_a_home_only_where_the_server_names_one(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    assert await client.request("getRtcStatsUrl") == {}
    await client.close()


@pytest.mark.parametrize("method", ["stopNetworkThrottle", "resetNetworkThrottle"])
async def test_throttling_is_stopped_under_both_names(url: str, method: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    with pytest.raises(Rejected) as caught:
        await client.request(method, secret="x")
    assert caught.value.code == 403
    await client.close()


def test_layers_are_told_in_both_dialects() -> None:
    assert layers_told(ConsumerLayers(spatial_layer=2, temporal_layer=1)) == {
        "spatialLayer": 2,
        "temporalLayer": 1,
        "layers": {"spatialLayer": 2, "temporalLayer": 1},
    }
    assert layers_told(None) == {"spatialLayer": None, "temporalLayer": None}
