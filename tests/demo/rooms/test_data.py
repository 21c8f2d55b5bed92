"""Data channels in the room's protocol: who is offered which, and what the server's bot is told and tells."""

from __future__ import annotations

import pytest

from tests.demo.client import AUDIO, Rejected, RoomClient


async def _pair(url: str) -> tuple[RoomClient, RoomClient]:
    first, second = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await first.join("Ann", data=True)
    await second.join("Bob", data=True)
    return first, second


def _labels(client: RoomClient) -> list[tuple[str | None, str]]:
    return [(data["peerId"], data["label"]) for method, data in client.log if method == "newDataConsumer"]


async def test_who_joins_is_offered_the_bots_channel(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join(data=True)
    offered = await client.seen("newDataConsumer")
    assert offered["peerId"] is None
    assert offered["label"] == "bot"
    assert offered["sctpStreamParameters"] == {"streamId": 0, "ordered": True}
    assert offered["dataProducerId"]
    assert offered["id"]
    await client.close()


async def test_the_chat_reaches_who_is_there_and_who_comes_later(url: str) -> None:
    first, second = await _pair(url)
    chat = await first.produce_data("chat", protocol="text", appData={"info": "x"})
    offered = await second.seen("newDataConsumer", lambda data: data["label"] == "chat")
    assert offered["dataProducerId"] == chat
    assert (offered["peerId"], offered["protocol"]) == ("a", "text")
    assert offered["appData"] == {"info": "x", "peerId": "a"}
    assert offered["sctpStreamParameters"]["ordered"] is True
    third = await RoomClient.connect(url, "r", "c")
    await third.join(data=True)
    await third.seen("newDataConsumer", count=2)
    assert _labels(third) == [("a", "chat"), (None, "bot")]
    assert _labels(first) == [(None, "bot")]
    streams = [data["sctpStreamParameters"]["streamId"] for method, data in third.log if method == "newDataConsumer"]
    assert len(set(streams)) == 2
    for client in (first, second, third):
        await client.close()


async def test_media_is_offered_before_data_to_who_joins(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join(data=True)
    await first.produce_data("chat")
    await first.produce("audio", AUDIO)
    second = await RoomClient.connect(url, "r", "b")
    await second.join(data=True)
    await second.seen("newDataConsumer", count=2)
    offers = [method for method in second.methods if method in ("newConsumer", "newDataConsumer")]
    assert offers == ["newConsumer", "newDataConsumer", "newDataConsumer"]
    await first.close()
    await second.close()


async def test_a_channel_of_another_label_reaches_later_joiners_and_the_bots_nobody(url: str) -> None:
    first, second = await _pair(url)
    await first.produce_data("whiteboard")
    await first.produce_data("bot")
    await first.produce_data("chat")
    await second.seen("newDataConsumer", lambda data: data["label"] == "chat")
    assert _labels(second) == [(None, "bot"), ("a", "chat")]
    third = await RoomClient.connect(url, "r", "c")
    await third.join(data=True)
    await third.seen("newDataConsumer", count=3)
    assert _labels(third) == [("a", "whiteboard"), ("a", "chat"), (None, "bot")]
    for client in (first, second, third):
        await client.close()


async def test_a_peer_may_have_several_chat_channels(url: str) -> None:
    """Clients open another one whenever their transport gets connected again."""
    first, second = await _pair(url)
    chats = {await first.produce_data("chat"), await first.produce_data("chat")}
    await second.seen("newDataConsumer", count=3)
    offered = {data["dataProducerId"] for method, data in second.log if method == "newDataConsumer" and data["peerId"]}
    assert offered == chats
    await first.close()
    await second.close()


async def test_who_does_not_take_data_is_offered_none(url: str) -> None:
    first = await RoomClient.connect(url, "r", "a")
    await first.join(data=True)
    second = await RoomClient.connect(url, "r", "b")
    await second.join(data=False)
    await first.produce_data("chat")
    await first.produce("audio", AUDIO)
    await second.seen("newConsumer")
    assert "newDataConsumer" not in second.methods
    await first.close()
    await second.close()


async def test_a_leavers_channels_are_closed_at_the_others_after_it_is_announced(url: str) -> None:
    first, second = await _pair(url)
    await first.produce_data("chat")
    offered = await second.seen("newDataConsumer", lambda data: data["label"] == "chat")
    await first.close()
    assert await second.seen("dataConsumerClosed") == {"dataConsumerId": offered["id"]}
    assert second.methods.index("peerClosed") < second.methods.index("dataConsumerClosed")
    with pytest.raises(Rejected, match="not found"):
        await second.request("getDataConsumerStats", dataConsumerId=offered["id"])
    await second.close()


async def test_statistics_of_data_tell_what_passed(url: str) -> None:
    first, second = await _pair(url)
    chat = await first.produce_data("chat", protocol="text")
    [sent] = await first.request("getDataProducerStats", dataProducerId=chat)
    assert sent["type"] == "data-producer"
    assert (sent["label"], sent["protocol"]) == ("chat", "text")
    assert (sent["messagesReceived"], sent["bytesReceived"]) == (0, 0)
    offered = await second.seen("newDataConsumer", lambda data: data["label"] == "chat")
    [received] = await second.request("getDataConsumerStats", dataConsumerId=offered["id"])
    assert received["type"] == "data-consumer"
    assert (received["label"], received["protocol"]) == ("chat", "text")
    assert received["bufferedAmount"] == received["messagesSent"] == received["bytesSent"] == 0
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"sctpStreamParameters": {"streamId": 0}, "transportId": "t"}, 'transport with id "t" not found'),
        ({"sctpStreamParameters": None}, "sctpStreamParameters"),
        ({"sctpStreamParameters": {"streamId": "x"}}, "streamId"),
        ({"sctpStreamParameters": {"streamId": 0, "maxPacketLifeTime": 1, "maxRetransmits": 1}}, "maxPacketLifeTime"),
        ({"sctpStreamParameters": {"streamId": 0}, "label": 5}, "label"),
    ],
)
async def test_a_wrong_request_for_data_says_what_is_wrong(url: str, data: dict[str, object], reason: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join(data=True)
    transport = await client.transport(producing=True, sctpCapabilities={"numStreams": {"OS": 16, "MIS": 16}})
    with pytest.raises(Rejected, match=reason):
        await client.ask("produceData", {"transportId": transport["id"], "label": "chat", **data})
    await client.close()


async def test_data_on_a_transport_without_sctp_is_refused(url: str) -> None:
    client = await RoomClient.connect(url, "r", "a")
    await client.join()
    transport = await client.transport(producing=True)
    with pytest.raises(Rejected, match="SCTP"):
        await client.request(
            "produceData", transportId=transport["id"], sctpStreamParameters={"streamId": 0}, label="chat"
        )
    await client.close()
