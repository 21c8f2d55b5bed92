"""A pymediasoup client with aiortc media sends and receives audio and video through a room of real workers."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymediasoup.consumer import Consumer

from miso.demo.server import DemoServer
from tests.demo.conftest import free_ports, ws_url
from tests.interop.pymediasoup_peer import PymediasoupPeer
from tests.interop.tracks import ColourTrack, ToneTrack, left_channel, mean_colour, share_of_tone

TONE_HZ = 600
COLOUR = (120, 90, 200)
TIMEOUT_S = 60


@pytest.fixture(params=[True, False], ids=["webrtc-server", "own-ports"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    server = DemoServer(free_ports(tmp_path, webrtc_server=request.param))
    await server.start()
    yield ws_url(server)
    await server.close()


async def received(peer: PymediasoupPeer, count: int) -> dict[str, Consumer]:
    """The next consumers, by kind."""
    async with asyncio.timeout(TIMEOUT_S):
        consumers = [await peer.consumers.get() for _ in range(count)]
    return {consumer.kind: consumer for consumer in consumers}


async def assert_sees_the_colour(consumer: Consumer, *, frames: int = 20) -> None:
    """Decodes so many frames, and looks at the last one."""
    async with asyncio.timeout(TIMEOUT_S):
        for _ in range(frames):
            frame = await consumer.track.recv()
    for seen, sent in zip(mean_colour(frame), COLOUR, strict=True):
        assert abs(seen - sent) < 12, f"{mean_colour(frame)} is not {COLOUR}"


async def assert_hears_the_tone(consumer: Consumer) -> None:
    """Decodes until a fifth of a second in a row is that tone and nothing else."""
    heard = array.array("h")
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            frame = await consumer.track.recv()
            wanted = frame.sample_rate // 5
            heard = (heard + left_channel(frame))[-wanted:]
            if len(heard) == wanted and share_of_tone(heard, TONE_HZ, frame.sample_rate) > 0.9:
                return


async def test_sends_and_receives_audio_and_video(url: str) -> None:
    first, second = PymediasoupPeer(url, "r", "first"), PymediasoupPeer(url, "r", "second")
    assert await first.join() == []
    await first.produce(ToneTrack(TONE_HZ))
    await first.produce(ColourTrack(*COLOUR))
    # one joins what is sent already, and what it sends reaches who is there already
    assert [peer["id"] for peer in await second.join()] == ["first"]
    at_second = await received(second, 2)
    await second.produce(ToneTrack(TONE_HZ))
    await second.produce(ColourTrack(*COLOUR))
    at_first = await received(first, 2)
    await asyncio.gather(
        assert_sees_the_colour(at_second["video"]),
        assert_hears_the_tone(at_second["audio"]),
        assert_sees_the_colour(at_first["video"]),
        assert_hears_the_tone(at_first["audio"]),
    )
    speaker = await first.heard("activeSpeaker")
    assert speaker["peerId"] in ("first", "second")
    assert -127 <= speaker["volume"] <= 0
    await first.close()
    await second.heard("peerClosed")
    await second.heard("consumerClosed")
    await second.close()


async def test_video_goes_on_after_pause_and_resume(url: str) -> None:
    sender, receiver = PymediasoupPeer(url, "r", "sender"), PymediasoupPeer(url, "r", "receiver")
    await sender.join()
    await receiver.join()
    producer = await sender.produce(ColourTrack(*COLOUR))
    video = (await received(receiver, 1))["video"]
    await assert_sees_the_colour(video)
    await sender.request("pauseProducer", producerId=producer.id)
    await receiver.heard("consumerPaused")
    await sender.request("resumeProducer", producerId=producer.id)
    await receiver.heard("consumerResumed")
    await assert_sees_the_colour(video)
    await receiver.request("pauseConsumer", consumerId=video.id)
    await receiver.request("resumeConsumer", consumerId=video.id)
    await assert_sees_the_colour(video)
    await sender.close()
    await receiver.close()


async def test_chats_and_talks_to_the_bot(url: str) -> None:
    first, second = PymediasoupPeer(url, "r", "first"), PymediasoupPeer(url, "r", "second")
    await first.join(data=True)
    await second.join(data=True)
    chat, bot = await first.produce_data("chat"), await first.produce_data("bot")
    await second.listens_to("chat")
    for peer in (first, second):
        await peer.listens_to("bot")
    texts = [f"message {number}" for number in range(50)]
    async with asyncio.timeout(TIMEOUT_S):
        for text in texts:
            chat.send(text)
        assert [await second.texts.get() for _ in texts] == [("first", text) for text in texts]
        bot.send("hello")
        for peer in (first, second):
            assert await peer.texts.get() == (None, 'pymediasoup said me: "hello"')
    await first.close()
    await second.close()
