"""Simulcast, SVC and messages through Miso's own worker, driven by the controller.

``MEDIASOUP_WORKER_BIN`` points these, like the other ``test_own_*.py``, at another worker of the 3.10 dialect.
"""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Any

import pytest

from miso.controller import Consumer, Producer, Router, Worker
from tests.controller.rtp_socket import RtpSocket
from tests.patience import PATIENCE_S
from tests.worker.rtp.packets import rtp

PAYLOAD_TYPE = 112
SSRCS = (1001, 1002, 1003)
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


def parameters(codec: str, encodings: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "mid": "v",
        "codecs": [{"mimeType": f"video/{codec}", "payloadType": PAYLOAD_TYPE, "clockRate": 90000}],
        "encodings": encodings,
        "rtcp": {"cname": "sender"},
    }


SIMULCAST = parameters("VP8", [{"ssrc": ssrc, "scalabilityMode": "L1T1"} for ssrc in SSRCS])
SVC = parameters("VP9", [{"ssrc": SSRCS[0], "scalabilityMode": "L3T1"}])


def simulcast_frame(number: int) -> list[bytes]:
    """A key frame on each stream (RFC 7741, with picture id), each after a sender report."""
    payload = struct.pack("!BBB", 0x90, 0x80, number & 0x7F) + b"\x00\x00\x00\x9d\x01\x2a" + bytes(100)
    ntp = int((time.time() + NTP_EPOCH_S) * 2**32)
    packets = []
    for ssrc in SSRCS:
        packets.append(struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, number * 3000, number, number))
        packets.append(rtp(number, payload, ssrc=ssrc, payload_type=PAYLOAD_TYPE))
    return packets


def svc_frame(number: int) -> list[bytes]:
    """A key frame in three spatial layers (RFC 9628, non-flexible mode)."""
    packets = []
    for spatial in range(3):
        payload = struct.pack("!BBBB", 0xAC, number & 0x7F, spatial << 1 | (spatial > 0), number & 0xFF) + bytes(100)
        packets.append(
            rtp(3 * number + spatial, payload, ssrc=SSRCS[0], payload_type=PAYLOAD_TYPE, timestamp=number * 3000)
        )
    return packets


FRAMES = {"simulcast": simulcast_frame, "svc": svc_frame}


class Camera:
    """Sends frames until told otherwise."""

    def __init__(self, socket: RtpSocket, kind: str) -> None:
        self.socket = socket
        self._frames = FRAMES[kind]
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        for number in range(1, 10_000):
            for packet in self._frames(number):
                self.socket.send(packet)
            await asyncio.sleep(0.04)

    async def stop(self) -> None:
        """Sends no more and gives the port back."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.socket.close()


@pytest.fixture
async def router(worker: Worker) -> Router:
    codecs: list[dict[str, object]] = [
        {"kind": "video", "mimeType": f"video/{codec}", "clockRate": 90000} for codec in ("VP8", "VP9")
    ]
    return await worker.create_router(media_codecs=codecs)


async def reaches(consumer: Consumer, spatial_layer: int) -> None:
    """Waits until the consumer forwards this spatial layer."""
    changed = asyncio.Event()
    consumer.on("layerschange", lambda _: changed.set())
    async with asyncio.timeout(PATIENCE_S):
        while consumer.current_layers is None or consumer.current_layers.spatial_layer != spatial_layer:
            await changed.wait()
            changed.clear()


@pytest.mark.parametrize(("kind", "sent"), [("simulcast", SIMULCAST), ("svc", SVC)])
async def test_layers_are_chosen_and_told(router: Router, kind: str, sent: dict[str, Any]) -> None:
    sending = await router.create_plain_transport(listen_ip="127.0.0.1", comedia=True)
    producer: Producer = await sending.produce(kind="video", rtp_parameters=sent)
    receiver, transport = await RtpSocket.receiver(router)
    consumer = await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    assert (producer.type, consumer.type) == (kind, kind)
    assert consumer.preferred_layers is not None
    assert consumer.preferred_layers.spatial_layer == 2
    camera = Camera(await RtpSocket.open(sending), kind)
    await reaches(consumer, 2)
    await receiver.packet()
    await consumer.set_preferred_layers(spatial_layer=0)
    await reaches(consumer, 0)
    assert {stat.type for stat in await consumer.get_stats()} == {"inbound-rtp", "outbound-rtp"}
    assert len(await producer.get_stats()) == len(sent["encodings"])
    await camera.stop()
    receiver.close()


async def test_messages_of_a_producer_reach_its_consumers_until_it_closes(router: Router) -> None:
    transport = await router.create_direct_transport()
    producer = await transport.produce_data(label="l", protocol="p")
    consumer = await transport.consume_data(data_producer_id=producer.id)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    closed = asyncio.Event()
    consumer.on("message", lambda message, ppid: heard.put_nowait(message))
    consumer.on("dataproducerclose", closed.set)
    async with asyncio.timeout(PATIENCE_S):
        producer.send("text")
        producer.send(b"bytes")
        assert [await heard.get() for _ in range(2)] == [b"text", b"bytes"]
        assert (await producer.get_stats())[0].messages_received == 2
        assert (await consumer.get_stats())[0].messages_sent == 2
        assert ((await producer.dump()).label, (await consumer.dump()).protocol) == ("l", "p")
        producer.close()
        await closed.wait()
    assert consumer.closed
