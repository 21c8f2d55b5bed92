"""The HTTP API of broadcasters: what it answers, what people in the room see, who may use it, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from miso.demo.broadcasters.guard import MAX_BODY_BYTES
from miso.demo.server import DemoServer
from miso.demo.settings import Settings
from tests.demo.client import AUDIO, RTP_CAPABILITIES, SCTP_CAPABILITIES, VIDEO, RoomClient
from tests.demo.conftest import counted, free_ports, ws_url
from tests.patience import PATIENCE_S

WHO = {"id": "b", "displayName": "Radio", "device": {"name": "ffmpeg", "version": "7"}}
OPUS = {
    "codecs": [
        {
            "mimeType": "audio/opus",
            "payloadType": 100,
            "clockRate": 48000,
            "channels": 2,
            "parameters": {"sprop-stereo": 1},
        }
    ],
    "encodings": [{"ssrc": 1111}],
}
VP8 = {
    "codecs": [{"mimeType": "video/vp8", "payloadType": 101, "clockRate": 90000}],
    "encodings": [{"ssrc": 2222}],
}
"""As the reference's scripts spell it."""
ROOM = "/rooms/r"
BROADCASTERS = "/rooms/r/broadcasters"
TRANSPORTS = "/rooms/r/broadcasters/b/transports"
TIMEOUT_S = 4
"""Until a silent one goes: longer than a machine stands still now and then."""


def address(server: DemoServer) -> str:
    return ws_url(server).replace("ws", "http", 1)


@pytest.fixture
async def http(server: DemoServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as client:
        yield client


async def nobody_left(server: DemoServer) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(server.rooms):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def made(http: httpx.AsyncClient, path: str, body: object) -> dict[str, Any]:
    response = await http.post(path, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def plain(http: httpx.AsyncClient, **options: object) -> dict[str, Any]:
    return await made(http, TRANSPORTS, {"type": "plain", **options})


async def test_the_official_scripts_requests_bring_a_stream_into_a_room_and_out_again(
    url: str, http: httpx.AsyncClient
) -> None:
    listener = await RoomClient.connect(url, "r", "a")
    await listener.join()
    assert (await http.get(ROOM)).json()["codecs"]
    assert await made(http, BROADCASTERS, WHO) == {"peers": []}
    shown = await listener.seen("newPeer")
    assert shown["id"] == "b"
    assert shown["displayName"] == "Radio"
    assert shown["device"] == {"flag": "broadcaster", "name": "ffmpeg", "version": "7"}
    audio = await plain(http, comedia=True, rtcpMux=False)
    video = await plain(http, comedia=True, rtcpMux=False)
    assert set(audio) == {"id", "ip", "port", "rtcpPort"}
    assert audio["ip"] == "127.0.0.1"
    assert len({audio["port"], audio["rtcpPort"], video["port"], video["rtcpPort"]}) == 4
    made_here: dict[str, str] = {}
    for transport, kind, parameters in ((audio, "audio", OPUS), (video, "video", VP8)):
        body = {"kind": kind, "rtpParameters": parameters}
        producer = await made(http, f"{TRANSPORTS}/{transport['id']}/producers", body)
        made_here[kind] = producer["id"]
    await listener.seen("newConsumer", count=2)
    told = [data for method, data in listener.log if method == "newConsumer"]
    assert {data["kind"]: data["producerId"] for data in told} == made_here
    assert {data["peerId"] for data in told} == {"b"}
    response = await http.delete(f"{BROADCASTERS}/b")
    assert (response.status_code, response.text) == (200, "broadcaster deleted")
    await listener.seen("consumerClosed", count=2)
    assert listener.methods.index("peerClosed") < listener.methods.index("consumerClosed")
    await listener.close()


async def test_a_peer_that_comes_later_is_shown_the_broadcaster_and_offered_what_it_sends(
    url: str, http: httpx.AsyncClient
) -> None:
    await made(http, BROADCASTERS, WHO)
    transport = await plain(http)
    await made(http, f"{TRANSPORTS}/{transport['id']}/producers", {"kind": "audio", "rtpParameters": OPUS})
    listener = await RoomClient.connect(url, "r", "a")
    joined = await listener.join()
    assert [(peer["id"], peer["device"]["flag"]) for peer in joined["peers"]] == [("b", "broadcaster")]
    assert (await listener.seen("newConsumer"))["peerId"] == "b"
    await listener.close()
    assert (await http.get(f"{BROADCASTERS}/b")).status_code == 200  # it goes on without listeners


async def test_people_hear_which_broadcaster_speaks(url: str, http: httpx.AsyncClient) -> None:
    listener = await RoomClient.connect(url, "r", "a")
    await listener.join()
    await made(http, BROADCASTERS, WHO)
    transport = await plain(http, rtcpMux=True)
    assert "rtcpPort" not in transport
    parameters = {**OPUS, "headerExtensions": [{"uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": 1}]}
    await made(http, f"{TRANSPORTS}/{transport['id']}/producers", {"kind": "audio", "rtpParameters": parameters})
    speaking = asyncio.create_task(speak(transport["port"]))
    told = await listener.seen("activeSpeaker", lambda data: data["peerId"] is not None)
    speaking.cancel()
    assert told["peerId"] == "b"
    await listener.close()


async def speak(port: int) -> None:
    """Sends loud Opus packets with an audio level (RFC 6464) of -10 dBov."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(1, 1000):
            header = bytes([0x90, 100]) + number.to_bytes(2, "big") + (960 * number).to_bytes(4, "big")
            extension = bytes([0xBE, 0xDE, 0, 1, 0x10, 0x80 | 10, 0, 0])
            sender.sendto(header + (1111).to_bytes(4, "big") + extension + bytes(40), ("127.0.0.1", port))
            await asyncio.sleep(0.02)


async def test_who_can_receive_is_told_what_the_peers_send_and_gets_it_at_its_address(
    url: str, http: httpx.AsyncClient
) -> None:
    sender = await RoomClient.connect(url, "r", "a")
    await sender.join("Ann")
    audio, video = await sender.produce("audio", AUDIO), await sender.produce("video", VIDEO)
    only_audio = {**RTP_CAPABILITIES, "codecs": RTP_CAPABILITIES["codecs"][:1]}
    answer = await made(http, BROADCASTERS, {**WHO, "rtpCapabilities": only_audio})
    [peer] = answer["peers"]
    assert (peer["id"], peer["displayName"]) == ("a", "Ann")
    assert peer["producers"] == [{"id": audio, "kind": "audio"}]
    transport = await plain(http, comedia=False, rtcpMux=True)
    path = f"{TRANSPORTS}/{transport['id']}"
    consumer = await made(http, f"{path}/consume?producerId={audio}", None)
    assert consumer["kind"] == "audio"
    assert consumer["producerId"] == audio
    assert consumer["type"] == "simple"
    assert consumer["rtpParameters"]["codecs"][0]["payloadType"] == 100
    refused = await http.post(f"{path}/consume?producerId={video}")
    assert refused.status_code == 500
    connected = await http.post(f"{path}/connect", json={"ip": "127.0.0.1", "port": 9})
    assert (connected.status_code, connected.content) == (200, b"")
    assert connected.headers["content-type"] == "application/json"
    await sender.close()


async def test_a_webrtc_transport_has_what_browsers_need_and_connects(http: httpx.AsyncClient) -> None:
    await made(http, BROADCASTERS, WHO)
    transport = await made(http, TRANSPORTS, {"type": "webrtc", "sctpCapabilities": SCTP_CAPABILITIES})
    assert set(transport) == {"id", "iceParameters", "iceCandidates", "dtlsParameters", "sctpParameters"}
    dtls = {**transport["dtlsParameters"], "role": "client"}
    path = f"{TRANSPORTS}/{transport['id']}/connect"
    assert (await http.post(path, json={})).status_code == 400
    assert (await http.post(path, json={"dtlsParameters": dtls})).status_code == 200


async def test_broadcasters_send_and_receive_messages(url: str, http: httpx.AsyncClient) -> None:
    listener = await RoomClient.connect(url, "r", "a")
    await listener.join(data=True)
    await made(http, BROADCASTERS, {**WHO, "rtpCapabilities": RTP_CAPABILITIES})
    transport = await plain(http, sctpCapabilities=SCTP_CAPABILITIES)
    path = f"{TRANSPORTS}/{transport['id']}"
    stream = {"streamId": 1, "ordered": True}
    produced = await made(http, f"{path}/produce/data", {"label": "chat", "sctpStreamParameters": stream})
    offered = await listener.seen("newDataConsumer", lambda data: data["label"] == "chat")
    assert (offered["peerId"], offered["dataProducerId"]) == ("b", produced["id"])
    chat = await listener.produce_data("chat")
    consumer = await made(http, f"{path}/consume/data", {"dataProducerId": chat})
    assert isinstance(consumer["streamId"], int)
    await listener.close()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({**WHO, "id": ""}, "missing body.id"),
        ({key: value for key, value in WHO.items() if key != "id"}, "missing body.id"),
        ({**WHO, "displayName": None}, "missing body.displayName"),
        ({**WHO, "device": {}}, "missing body.device.name"),
        ({**WHO, "device": None}, "missing body.device.name"),
        ({**WHO, "rtpCapabilities": {"codecs": 7}}, "wrong body.rtpCapabilities"),
        ({**WHO, "id": 7}, "id"),
        ({**WHO, "id": "a\nb"}, "control characters"),
        ({**WHO, "id": "x" * 300}, "id"),
        ([], "object"),
        ("text", "object"),
    ],
)
async def test_a_body_that_is_wrong_is_answered_with_400_and_the_reason(
    http: httpx.AsyncClient, body: object, reason: str
) -> None:
    response = await http.post(BROADCASTERS, json=body)
    assert response.status_code == 400
    assert response.text.startswith("TypeError: ")
    assert reason in response.text
    assert response.headers["content-type"].startswith("text/plain")


async def test_what_is_wrong_has_its_own_status(http: httpx.AsyncClient) -> None:
    await made(http, BROADCASTERS, WHO)
    transport = (await plain(http))["id"]
    path = f"{TRANSPORTS}/{transport}"
    unsupported = {"codecs": [{"mimeType": "audio/PCMA", "payloadType": 8, "clockRate": 8000}], "encodings": [{}]}
    media = {"kind": "video", "rtpParameters": VP8}
    for method, where, body, status, reason in (
        ("POST", BROADCASTERS, WHO, 500, 'broadcaster with id "b" already exists'),
        ("DELETE", f"{BROADCASTERS}/nobody", None, 500, 'broadcaster with id "nobody" does not exist'),
        ("POST", f"{BROADCASTERS}/nobody/transports", {"type": "plain"}, 500, "does not exist"),
        ("POST", TRANSPORTS, {"type": "carrier pigeon"}, 400, "invalid type"),
        ("POST", TRANSPORTS, {}, 400, "invalid type"),
        ("POST", TRANSPORTS, {"type": "plain", "comedia": "maybe"}, 400, "comedia"),
        ("POST", TRANSPORTS, {"type": "plain", "sctpCapabilities": {"numStreams": 1}}, 400, ""),
        ("POST", f"{TRANSPORTS}/none/producers", media, 500, "does not exist"),
        ("POST", f"{path}/connect", {"dtlsParameters": {}}, 500, "is not a WebRtcTransport"),
        ("POST", f"{path}/producers", {"kind": "smell", "rtpParameters": VP8}, 400, "kind"),
        ("POST", f"{path}/producers", {"kind": "video"}, 400, "rtpParameters"),
        ("POST", f"{path}/producers", {"kind": "audio", "rtpParameters": unsupported}, 500, "UnsupportedError"),
        ("POST", f"{path}/consume?producerId=x", None, 500, "broadcaster does not have rtpCapabilities"),
        ("POST", f"{path}/consume/data", {}, 500, "broadcaster does not have rtpCapabilities"),
        ("POST", f"{path}/fly", {}, 404, ""),
        ("GET", "/rooms", None, 404, ""),
        ("GET", f"/rooms/{'x' * 300}", None, 400, "roomId"),
    ):
        response = await http.request(method, where, json=body)
        assert response.status_code == status, (where, body, response.text)
        assert reason in response.text, (where, body, response.text)
        assert "Traceback" not in response.text


async def test_a_body_that_is_no_json_is_refused_by_its_kind(server: DemoServer, http: httpx.AsyncClient) -> None:
    json = {"Content-Type": "application/json"}
    for content, headers, status in (
        (b'{"id"', json, 400),
        (b"\xff\xfe", json, 400),
        (b"null", json, 400),
        (b"[" * 50_000, json, 400),
        (b'{"id": "b"}', {"Content-Type": "text/plain"}, 415),
        (b"id=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b" " * (MAX_BODY_BYTES + 1), json, 413),
    ):
        response = await http.post(BROADCASTERS, content=content, headers=headers)
        assert response.status_code == status, content[:20]
    assert await counted(server, "broadcaster_requests", status="413") == 1


async def test_no_web_page_may_use_it(http: httpx.AsyncClient) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        response = await http.post(BROADCASTERS, json=WHO, headers=headers)
        assert response.status_code == 403
    assert (await http.get(f"{BROADCASTERS}/b")).status_code == 500  # nobody came


async def served(settings: Settings) -> DemoServer:
    server = DemoServer(settings)
    await server.start()
    return server


async def test_only_this_machine_may_use_it_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    proxied = {"X-Forwarded-For": "203.0.113.7"}
    for settings, headers, status in (
        ({}, {}, 200),
        ({}, proxied, 403),
        ({}, {"X-Forwarded-For": "127.0.0.1"}, 403),
        ({}, {"Forwarded": "for=127.0.0.1"}, 403),
        ({"trusted_proxies": ["127.0.0.1"]}, proxied, 403),
        ({"broadcasters": "on"}, proxied, 200),
        ({"broadcasters": "off"}, {}, 404),
    ):
        server = await served(free_ports(tmp_path, **settings))
        async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as http:
            assert (await http.get(ROOM, headers=headers)).status_code == status, (settings, headers)
        await server.close()


async def test_a_secret_is_asked_of_everybody_where_one_is_set(tmp_path: Path) -> None:
    server = await served(free_ports(tmp_path, broadcaster_secret="open sésame"))
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as http:
        for given in (None, b"Bearer wrong", b"Basic open", "Bearer open sésame".encode()):
            headers = [] if given is None else [(b"Authorization", given)]
            response = await http.get(ROOM, headers=headers)
            right = given is not None and given.endswith("sésame".encode())
            assert response.status_code == (200 if right else 401)
            assert ("www-authenticate" in response.headers) is not right
    await server.close()


async def test_limits_are_told_and_counted(tmp_path: Path) -> None:
    server = await served(free_ports(tmp_path, max_broadcasters_per_room=1))
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as http:
        await made(http, BROADCASTERS, WHO)
        assert (await http.post(BROADCASTERS, json={**WHO, "id": "c"})).status_code == 503
        statuses = [(await http.post(TRANSPORTS, json={"type": "plain"})).status_code for _ in range(17)]
        assert statuses == [200] * 16 + [429]
        assert await counted(server, "refusals", limit="broadcasters_per_room") == 1
        assert await counted(server, "refusals", limit="broadcaster_objects") == 1
    await server.close()


async def test_a_peer_and_a_broadcaster_do_not_share_an_id(url: str, http: httpx.AsyncClient) -> None:
    listener = await RoomClient.connect(url, "r", "b")
    assert (await http.post(BROADCASTERS, json=WHO)).status_code == 500
    await listener.close()


async def test_who_died_without_a_word_goes_and_so_does_its_room(tmp_path: Path) -> None:
    server = await served(free_ports(tmp_path, broadcaster_timeout=TIMEOUT_S))
    listener = await RoomClient.connect(ws_url(server), "r", "a")
    await listener.join()
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as http:
        await made(http, BROADCASTERS, WHO)
        await plain(http)
        await made(http, "/rooms/empty/broadcasters", WHO)
        await http.get("/rooms/nobody")
    assert len(server.rooms) == 3
    assert (await listener.seen("peerClosed"))["peerId"] == "b"
    await listener.close()
    await nobody_left(server)
    await server.close()


async def test_a_transport_to_which_nobody_sends_goes_while_its_broadcaster_lives(tmp_path: Path) -> None:
    server = await served(free_ports(tmp_path, broadcaster_timeout=TIMEOUT_S))
    async with httpx.AsyncClient(base_url=address(server), trust_env=False, timeout=PATIENCE_S) as http:
        await made(http, BROADCASTERS, WHO)
        used, unused = await plain(http, rtcpMux=True), await plain(http, rtcpMux=True)
        speaking = asyncio.create_task(speak(used["port"]))
        body = {"kind": "audio", "rtpParameters": OPUS}
        async with asyncio.timeout(PATIENCE_S):
            path = f"{TRANSPORTS}/{unused['id']}/connect"
            while (await http.post(path, json={})).text.endswith("WebRtcTransport"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert (await http.post(f"{TRANSPORTS}/{used['id']}/producers", json=body)).status_code == 200
        speaking.cancel()
    await server.close()


async def test_a_worker_that_dies_takes_its_broadcasters_along(server: DemoServer, http: httpx.AsyncClient) -> None:
    await made(http, BROADCASTERS, WHO)
    server.workers.pool.kill("a test")
    await nobody_left(server)


@pytest.mark.parametrize("broadcaster_id", ["a/b", "..", "%2F", "a b?c#d", "ü💡", "rooms/r/broadcasters"])
async def test_an_id_may_be_any_text(http: httpx.AsyncClient, url: str, broadcaster_id: str) -> None:
    listener = await RoomClient.connect(url, "r%2Fs", "a")
    await listener.join()
    broadcasters = "/rooms/r%2Fs/broadcasters"
    await made(http, broadcasters, {**WHO, "id": broadcaster_id})
    assert (await listener.seen("newPeer"))["id"] == broadcaster_id
    path = f"{broadcasters}/{quote(broadcaster_id, safe='').replace('.', '%2E')}"
    transport = await made(http, f"{path}/transports", {"type": "plain"})
    await made(http, f"{path}/transports/{transport['id']}/producers", {"kind": "audio", "rtpParameters": OPUS})
    assert (await http.delete(path)).status_code == 200
    await listener.close()


async def test_asking_for_many_at_once_gives_no_more_than_asking_one_after_the_other(
    server: DemoServer, http: httpx.AsyncClient
) -> None:
    await made(http, BROADCASTERS, WHO)
    answers = await asyncio.gather(*(http.post(TRANSPORTS, json={"type": "plain"}) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] * 16 + [429] * 24
    transport_id = next(answer.json()["id"] for answer in answers if answer.status_code == 200)
    answers = await asyncio.gather(
        *(
            http.post(
                f"{TRANSPORTS}/{transport_id}/producers",
                json={"kind": "audio", "rtpParameters": {**OPUS, "encodings": [{"ssrc": 1000 + number}]}},
            )
            for number in range(40)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 16 + [429] * 24
    assert await counted(server, "refusals", limit="broadcaster_objects") == 48


async def test_a_consumer_whose_source_goes_at_the_same_moment_takes_no_place(
    server: DemoServer, http: httpx.AsyncClient, url: str
) -> None:
    speaker = await RoomClient.connect(url, "r", "a")
    await speaker.join()
    await made(http, BROADCASTERS, {**WHO, "rtpCapabilities": RTP_CAPABILITIES})
    transport = await plain(http, comedia=False)
    sending = await speaker.transport(producing=True)
    for number in range(60):
        parameters = {**AUDIO, "encodings": [{"ssrc": 5000 + number}]}
        producer_id = (
            await speaker.request("produce", transportId=sending["id"], kind="audio", rtpParameters=parameters)
        )["id"]
        path = f"{TRANSPORTS}/{transport['id']}/consume?producerId={producer_id}"
        asking = [asyncio.create_task(http.post(path)) for _ in range(3)]
        await asyncio.sleep(0.001 * (number % 8))
        await speaker.request("closeProducer", producerId=producer_id)
        assert {(await asked).status_code for asked in asking} <= {200, 500}
    async with asyncio.timeout(PATIENCE_S):
        while server.rooms.rooms[0].broadcasters["b"].consumers:  # noqa: ASYNC110  # the worker tells of their end
            await asyncio.sleep(0.02)
    await speaker.close()
