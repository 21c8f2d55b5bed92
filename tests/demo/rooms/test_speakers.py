"""Who speaks, as the room tells it to clients of either dialect; microphones are packets over a direct transport."""

from __future__ import annotations

import asyncio
import struct

from miso.controller import Producer
from miso.demo.rooms.room_shard import RoomShard
from miso.demo.server import DemoServer
from tests.demo.client import RoomClient

LEVEL_ID = 10
PACKETS_PER_S = 50


def packet(ssrc: int, number: int, level: int) -> bytes:
    """Opus with an audio level of so many -dBov (RFC 6464)."""
    extension = struct.pack("!HHBBxx", 0xBEDE, 1, LEVEL_ID << 4, 0x80 | level)
    return struct.pack("!BBHII", 0x90, 111, number & 0xFFFF, number * 960, ssrc) + extension + bytes(40)


async def talker(shard: RoomShard, peer_id: str, ssrc: int) -> Producer:
    transport = await shard.router.create_direct_transport()
    producer = await transport.produce(
        kind="audio",
        rtp_parameters={
            "codecs": [{"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}],
            "headerExtensions": [{"uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": LEVEL_ID}],
            "encodings": [{"ssrc": ssrc}],
        },
        app_data={"peerId": peer_id},
    )
    await shard.listen_to(producer)
    return producer


async def speak(loud: Producer, soft: Producer) -> None:
    for number in range(1_000_000):
        loud.send(packet(1, number, 10))
        soft.send(packet(2, number, 40))
        await asyncio.sleep(1 / PACKETS_PER_S)


async def test_each_dialect_hears_who_speaks_in_its_own_words(server: DemoServer, url: str) -> None:
    classic, newer = await RoomClient.connect(url, "r", "a"), await RoomClient.connect(url, "r", "b")
    await classic.join()
    await newer.request("createWebRtcTransport", appData={"direction": "consumer"})
    await newer.request("join", displayName="N", device={})
    [room] = server.rooms.rooms
    loud, soft = await talker(room.shards.first, "loud", 1), await talker(room.shards.first, "soft", 2)
    speaking = asyncio.create_task(speak(loud, soft))
    told = await newer.seen("speakingPeers", lambda data: len(data["peerVolumes"]) == 2)
    assert [one["peerId"] for one in told["peerVolumes"]] == ["loud", "soft"]
    assert [one["volume"] for one in told["peerVolumes"]] == [-10, -40]
    led = await newer.seen("activeSpeaker", lambda data: data)
    assert led == {"peerId": "loud"}
    assert await classic.seen("activeSpeaker", lambda data: data["peerId"]) == {"peerId": "loud", "volume": -10}
    speaking.cancel()
    await newer.seen("speakingPeers", lambda data: data == {"peerVolumes": []})
    await newer.seen("activeSpeaker", lambda data: data == {})
    await classic.seen("activeSpeaker", lambda data: data == {"peerId": None})
    assert "speakingPeers" not in classic.methods
    await classic.close()
    await newer.close()
