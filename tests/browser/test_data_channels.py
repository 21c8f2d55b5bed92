"""Chromium's data channels through a worker, without the page: two connections of one tab, joined by a router."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from miso import controller
from miso.controller import Router, WebRtcTransport
from tests.browser.people import ARRIVAL_TIMEOUT

pytestmark = pytest.mark.asyncio(loop_scope="package")

# Answers the worker's offer; what comes on a channel is kept as [kind, text or size] in the order of coming.
SCRIPT = """() => {
window.connections = {};
window.channels = {};
window.received = {};
window.join = async (name, offer) => {
    const connection = (connections[name] = new RTCPeerConnection());
    connection.createDataChannel("unused", { negotiated: true, id: 1000 });
    await connection.setRemoteDescription({ type: "offer", sdp: offer });
    const answer = await connection.createAnswer();
    await connection.setLocalDescription(answer);
    return answer.sdp;
};
window.open_ = async (name, channelName, options) => {
    const channel = connections[name].createDataChannel(channelName, { negotiated: true, ...options });
    channel.binaryType = "arraybuffer";
    channels[channelName] = channel;
    received[channelName] = [];
    channel.onmessage = ({ data }) => {
        received[channelName].push(typeof data === "string" ? ["text", data] : ["binary", data.byteLength]);
    };
    if (channel.readyState !== "open") {
        await new Promise((resolve) => channel.addEventListener("open", resolve));
    }
};
}"""


@pytest_asyncio.fixture(loop_scope="package")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page()
    page.set_default_timeout(ARRIVAL_TIMEOUT * 1000)
    await page.evaluate(SCRIPT)
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="package")
async def router() -> AsyncIterator[Router]:
    worker = await controller.create_worker()
    yield await worker.create_router()
    worker.close()
    await worker.wait_closed()


async def join(page: Page, name: str, router: Router, *, tcp: bool = False) -> WebRtcTransport:
    """A transport and the tab's connection to it."""
    transport = await router.create_web_rtc_transport(
        listen_ips=["127.0.0.1"],
        enable_udp=not tcp,
        enable_tcp=tcp,
        enable_sctp=True,
        sctp_send_buffer_size=10_000_000,
    )
    answer = await page.evaluate("([name, offer]) => join(name, offer)", [name, offer(transport)])
    lines = dict(line[2:].partition(":")[::2] for line in answer.splitlines() if line.startswith("a="))
    algorithm, value = lines["fingerprint"].split()
    assert lines["setup"] == "active"
    await transport.connect(
        dtls_parameters={"role": "client", "fingerprints": [{"algorithm": algorithm, "value": value}]}
    )
    return transport


def offer(transport: WebRtcTransport) -> str:
    """The transport in SDP (RFC 8841)."""
    sctp = transport.sctp_parameters
    assert sctp is not None
    fingerprint = transport.dtls_parameters.fingerprints[-1]
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 127.0.0.1",
        "a=mid:0",
        f"a=ice-ufrag:{transport.ice_parameters.username_fragment}",
        f"a=ice-pwd:{transport.ice_parameters.password}",
        f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
        "a=setup:actpass",
        f"a=sctp-port:{sctp.port}",
        f"a=max-message-size:{sctp.max_message_size}",
        *(
            f"a=candidate:{one.foundation} 1 {one.protocol} {one.priority} {one.ip} {one.port} typ host"
            + (f" tcptype {one.tcp_type}" if one.tcp_type else "")
            for one in transport.ice_candidates
        ),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"


async def lay(page: Page, sending: WebRtcTransport, receiving: WebRtcTransport, **options: Any) -> None:
    """The channel ``out`` of the connection ``a`` becomes the channel ``in`` of the connection ``b``."""
    stream = {"streamId": 5, "ordered": options.get("ordered", True)}
    if "maxRetransmits" in options:
        stream["maxRetransmits"] = options["maxRetransmits"]
    producer = await sending.produce_data(sctp_stream_parameters=stream)
    consumer = await receiving.consume_data(data_producer_id=producer.id)
    assert consumer.sctp_stream_parameters is not None
    open_ = "([name, channel, options]) => open_(name, channel, options)"
    await page.evaluate(open_, ["b", "in", {"id": consumer.sctp_stream_parameters.stream_id, **options}])
    await page.evaluate(open_, ["a", "out", {"id": 5, **options}])


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_messages_of_all_kinds_cross(page: Page, router: Router, tcp: bool) -> None:
    sending, receiving = await join(page, "a", router, tcp=tcp), await join(page, "b", router, tcp=tcp)
    await lay(page, sending, receiving)
    await page.evaluate(
        """() => {
            for (const message of ["text", "", new Uint8Array(3), new ArrayBuffer(0), new Uint8Array(250000)]) {
                channels.out.send(message);
            }
        }"""
    )
    await page.wait_for_function("received.in.length >= 5")
    assert await page.evaluate("received.in") == [
        ["text", "text"],
        ["text", ""],
        ["binary", 3],
        ["binary", 0],
        ["binary", 250_000],
    ]
    assert (sending.sctp_state, receiving.sctp_state) == ("connected", "connected")


async def test_thousands_of_messages_arrive_in_order(page: Page, router: Router) -> None:
    sending, receiving = await join(page, "a", router), await join(page, "b", router)
    await lay(page, sending, receiving)
    await page.evaluate(
        """async () => {
            const channel = channels.out;
            channel.bufferedAmountLowThreshold = 50000;
            for (let number = 0; number < 5000; number++) {
                channel.send(String(number).padEnd(1000));
                if (channel.bufferedAmount > 100000) {
                    await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
                }
            }
        }"""
    )
    await page.wait_for_function("received.in.length >= 5000")
    in_order = "received.in.every(([, text], number) => Number(text) === number && text.length === 1000)"
    assert await page.evaluate(in_order)


async def test_unordered_channel_without_repairs_works(page: Page, router: Router) -> None:
    sending, receiving = await join(page, "a", router), await join(page, "b", router)
    await lay(page, sending, receiving, ordered=False, maxRetransmits=0)
    await page.evaluate("() => { for (let number = 0; number < 100; number++) channels.out.send(String(number)); }")
    await page.wait_for_function("new Set(received.in.map(([, text]) => text)).size === 100")


async def test_closing_the_data_producer_closes_the_browsers_channel(page: Page, router: Router) -> None:
    sending, receiving = await join(page, "a", router), await join(page, "b", router)
    await lay(page, sending, receiving)
    closed: list[str] = []
    sending.observer.on("close", lambda: closed.append("transport"))
    for data_producer_id in (await sending.dump()).data_producer_ids:
        producer = router.data_producer(data_producer_id)
        assert producer is not None
        producer.close()
    await page.wait_for_function("channels.out.readyState === 'closed'")
    await page.wait_for_function("channels.in.readyState === 'closed'")
    assert closed == []
