"""What has closed leaves its memory at once: reference counting frees it, no search for cycles has to find it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.router import (
    CreateDirectTransportRequest,
    CreatePipeTransportRequest,
    CreatePlainTransportRequest,
    CreateWebRtcTransportRequest,
    CreateWebRtcTransportWithServerRequest,
)
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest
from miso.worker.channel.bodies.transport import ConnectRequest
from miso.worker.dtls.events import DtlsRole
from miso.worker.errors import CommandError
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtc.transport.pipe_transport import PipeTransport
from miso.worker.rtc.transport.plain_transport import PlainTransport
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from miso.worker.rtcp.feedback import Nack, Pli
from tests.worker.rtc.data.test_data import consume as consume_data
from tests.worker.rtc.data.test_data import produce as produce_data
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.observers.test_observers import level_observer, speaker_observer
from tests.worker.rtc.parameters import AUDIO_SSRC, VIDEO_SSRC
from tests.worker.rtc.rig import Inside, OnTransport, Rig
from tests.worker.rtc.web_rtc.test_web_rtc_server import make_server
from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtp.packets import KEY_FRAME, rtp

LOCAL = {"ip": "127.0.0.1"}
SCTP = {"enableSctp": True, "numSctpStreams": {"OS": 16, "MIS": 16}, "maxSctpMessageSize": 1000}

Make = Callable[[Rig, WebRtcServer], Transport]
End = Callable[[Rig, Transport], None]


@pytest.fixture(autouse=True)
def without_search_for_cycles() -> Iterator[None]:
    gc.disable()
    gc.freeze()  # what others have left is none of ours
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def server(rig: Rig) -> Iterator[WebRtcServer]:
    server = make_server(rig.world)
    yield server
    server.close()


def cyclic_garbage() -> set[str]:
    """The classes of ours whose objects only the collector would free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
    finally:
        gc.set_debug(0)
    kinds = {type(one) for one in gc.garbage}
    gc.garbage.clear()
    return {kind.__qualname__ for kind in kinds if kind.__module__.startswith("miso.")}


def watch(parts: Iterable[object]) -> dict[weakref.ref[object], str]:
    return {weakref.ref(part): type(part).__name__ for part in parts}


def left(watched: dict[weakref.ref[object], str]) -> list[str]:
    return [name for part, name in watched.items() if part() is not None]


def parts_of(child: Any) -> list[object]:
    """A producer, a consumer or the like, with what it is made of."""
    if isinstance(child, Producer):
        streams = child.streams.values()
        return [child, *streams, *(stream.key_frames for stream in streams), *child.consumers.values()]
    if isinstance(child, Consumer):
        return [child, child.layers, *child.streams]
    return [child]


def children_of(transport: Transport) -> list[Any]:
    kinds = (transport.producers, transport.consumers, transport.data_producers, transport.data_consumers)
    return [child for children in kinds for child in children.values()]


# ---------------------------------------------------------------- kinds of transport


def make(rig: Rig, kind: type, request: type, *more: object, **body: Any) -> Any:
    return kind(rig.context, rig.tables, "tr", msgspec.convert({"transportId": "tr", **body}, request), *more)


def plain(rig: Rig, server: WebRtcServer) -> Transport:
    transport: PlainTransport = make(rig, PlainTransport, CreatePlainTransportRequest, listenIp=LOCAL, **SCTP)
    transport.connect(ConnectRequest(ip="127.0.0.1", port=9))
    return transport


def encrypted_plain_without_mux(rig: Rig, server: WebRtcServer) -> Transport:
    options = {"listenIp": LOCAL, "rtcpMux": False, "enableSrtp": True, "srtpCryptoSuite": "AEAD_AES_256_GCM"}
    transport: PlainTransport = make(rig, PlainTransport, CreatePlainTransportRequest, **options)
    keys = transport.dump().srtp_parameters
    transport.connect(ConnectRequest(ip="127.0.0.1", port=9, rtcp_port=10, srtp_parameters=keys))
    return transport


def pipe(rig: Rig, server: WebRtcServer) -> Transport:
    transport: PipeTransport = make(rig, PipeTransport, CreatePipeTransportRequest, listenIp=LOCAL, **SCTP)
    transport.connect(ConnectRequest(ip="127.0.0.1", port=9))
    return transport


def direct(rig: Rig, server: WebRtcServer) -> Transport:
    transport: DirectTransport = make(rig, DirectTransport, CreateDirectTransportRequest, maxMessageSize=1000)
    return transport


def web_rtc(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    handshake(rig, transport)
    return transport


def web_rtc_over_tcp(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    handshake(rig, transport, index=1)
    return transport


def web_rtc_as_dtls_client(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    handshake(rig, transport, role=DtlsRole.SERVER)
    return transport


def web_rtc_on_a_server(rig: Rig, server: WebRtcServer) -> Transport:
    request = CreateWebRtcTransportWithServerRequest
    transport: WebRtcTransport = make(rig, WebRtcTransport, request, server, webRtcServerId="server", **SCTP)
    handshake(rig, transport)
    return transport


def web_rtc_never_connected(rig: Rig, server: WebRtcServer) -> Transport:
    return new_web_rtc(rig)


def web_rtc_without_dtls(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    for index in (0, 1):
        WebRtcPeer(rig.world, transport.dump(), index).connect_ice()
    return transport


def web_rtc_amid_its_handshake(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    peer = WebRtcPeer(rig.world, transport.dump())
    peer.connect_ice()
    peer._apply(peer.dtls.start(DtlsRole.CLIENT, 0))
    rig.world.sockets.pump()  # but the datagram waits for its turn
    return transport


def web_rtc_whose_peer_said_goodbye(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    peer = handshake(rig, transport)
    peer._apply(peer.dtls.close())
    peer.work()
    assert not transport.connected
    return transport


def web_rtc_whose_peer_fell_silent(rig: Rig, server: WebRtcServer) -> Transport:
    transport = new_web_rtc(rig)
    handshake(rig, transport)
    rig.clock.advance(60_000)
    assert not transport.connected
    return transport


def new_web_rtc(rig: Rig) -> WebRtcTransport:
    options = {"listenIps": [LOCAL], "enableTcp": True, **SCTP}
    transport: WebRtcTransport = make(rig, WebRtcTransport, CreateWebRtcTransportRequest, **options)
    return transport


def handshake(rig: Rig, transport: WebRtcTransport, index: int = 0, role: DtlsRole = DtlsRole.CLIENT) -> WebRtcPeer:
    peer = WebRtcPeer(rig.world, transport.dump(), index)
    peer.connect_ice()
    peer.connect_dtls(transport, role)
    assert transport.connected
    return peer


KINDS: list[Make] = [plain, encrypted_plain_without_mux, pipe, direct, web_rtc, web_rtc_on_a_server]
STAGES: list[Make] = [
    web_rtc_over_tcp,
    web_rtc_as_dtls_client,
    web_rtc_never_connected,
    web_rtc_without_dtls,
    web_rtc_amid_its_handshake,
    web_rtc_whose_peer_said_goodbye,
    web_rtc_whose_peer_fell_silent,
]


# ---------------------------------------------------------------- what it carries


def carry(rig: Rig, transport: Transport) -> None:
    """It sends and receives media and messages of all kinds, to and from somebody else."""
    here, there = Inside(rig, transport), rig.connect()
    observers = level_observer(rig), speaker_observer(rig)
    for sender, receiver in ((here, there), (there, here)):
        voice = rig.produce(sender, kind="audio")
        for observer in observers:
            observer.add_producer(ObservedProducerRequest(producer_id=voice.id))
        carry_media(rig, sender, receiver, voice)
    rig.clock.advance(2000)
    is_direct = isinstance(transport, DirectTransport)
    if is_direct or transport.sctp is not None:
        options = CreateDirectTransportRequest(transport_id="app", max_message_size=1000)
        application = DirectTransport(rig.context, rig.tables, "app", options)
        produce_data(application, "from-app")
        consume_data(transport, "to-peer", "from-app", **({} if is_direct else {"streamId": 1}))
        produce_data(transport, "from-peer", **({} if is_direct else {"streamId": 2}))
        consume_data(application, "to-app", "from-peer")


def carry_media(rig: Rig, sender: OnTransport, receiver: OnTransport, voice: Producer) -> None:
    video = rig.produce(sender)
    simulcast = LayeredSender(rig, modes=["L1T3"] * 3, peer=sender, mid="simulcast")
    svc = LayeredSender(rig, codec="VP9", modes=["L3T3"], peer=sender, mid="svc", first_ssrc=3000)
    consumers = [rig.consume(receiver, producer) for producer in (voice, video)]
    consumers += [rig.consume(receiver, video, type="pipe"), simulcast.consume(receiver), svc.consume(receiver)]
    sender.send(rtp(1, b"voice", ssrc=AUDIO_SSRC, payload_type=111))
    for number in (1, 3):  # one is missing, and asked for
        sender.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96))
    for layered in (simulcast, svc):
        layered.send_frame(0, 1, 2, key=True)
        layered.send_reports()
    ssrcs = [consumer.streams[0].ssrc for consumer in consumers]
    receiver.send_rtcp(*(Pli(1, ssrc) for ssrc in ssrcs), *(Nack(1, ssrc, (1,)) for ssrc in ssrcs))


# ---------------------------------------------------------------- how it ends


def by_itself(rig: Rig, transport: Transport) -> None:
    transport.close()


def child_by_child(rig: Rig, transport: Transport) -> None:
    for child in children_of(transport):
        child.close()
    transport.close()


def after_all_others(rig: Rig, transport: Transport) -> None:
    for other in list(rig.tables.transports.values()):
        if other is not transport:
            other.close()
    transport.close()


def with_its_router(rig: Rig, transport: Transport) -> None:
    rig.tables.close()


ENDS: list[End] = [by_itself, child_by_child, after_all_others, with_its_router]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_closed_transport_is_left(rig: Rig, server: WebRtcServer, kind: Make, end: End) -> None:
    kind(rig, server)
    check(rig, end)


@pytest.mark.parametrize("stage", STAGES)
def test_nothing_of_a_web_rtc_transport_is_left_wherever_it_stood(rig: Rig, server: WebRtcServer, stage: Make) -> None:
    stage(rig, server)
    check(rig, by_itself)


def test_nothing_of_a_transport_is_left_whose_server_closed(rig: Rig, server: WebRtcServer) -> None:
    web_rtc_on_a_server(rig, server)
    check(rig, lambda rig, transport: server.close())


@pytest.mark.parametrize("kind", ["producers", "consumers", "data_producers", "data_consumers"])
def test_nothing_of_what_closes_on_a_living_transport_is_left(rig: Rig, server: WebRtcServer, kind: str) -> None:
    web_rtc(rig, server)
    begin(rig)
    children = getattr(the_transport(rig), kind)
    assert len(children) > 0
    for child_id in list(children):
        watched = watch(parts_of(children[child_id]))
        children[child_id].close()
        rig.clock.settle()
        assert left(watched) == []
    assert cyclic_garbage() == set()


def test_nothing_of_a_closed_observer_is_left(rig: Rig, server: WebRtcServer) -> None:
    plain(rig, server)
    begin(rig)
    watched = watch(rig.tables.observers.values())
    assert len(watched) == 2
    for observer_id in list(rig.tables.observers):
        rig.tables.observers[observer_id].close()
    assert left(watched) == []
    assert cyclic_garbage() == set()


def test_nothing_of_a_closed_server_is_left(rig: Rig) -> None:
    server = make_server(rig.world)
    watched = watch([server, server.sockets])
    server.close()
    del server
    assert left(watched) == []
    assert cyclic_garbage() == set()


def test_nothing_is_left_of_a_transport_that_could_not_be_made(rig: Rig, server: WebRtcServer) -> None:
    taken = server.endpoints[0].port
    with pytest.raises(CommandError):
        make(rig, WebRtcTransport, CreateWebRtcTransportRequest, listenIps=[LOCAL], port=taken, **SCTP)
    with pytest.raises(CommandError):
        make(rig, PlainTransport, CreatePlainTransportRequest, listenIp=LOCAL, port=taken)
    assert cyclic_garbage() == set()


def check(rig: Rig, end: End) -> None:
    watched = begin(rig)
    assert len(watched) > 20
    end(rig, the_transport(rig))
    rig.clock.settle()
    assert left(watched) == []
    assert cyclic_garbage() == set()


def the_transport(rig: Rig) -> Any:
    return rig.tables.transports["tr"]


def begin(rig: Rig) -> dict[weakref.ref[object], str]:
    transport = the_transport(rig)
    carry(rig, transport)
    parts = [transport, transport.outgoing, transport.rtcp]
    for child in children_of(transport):
        parts += parts_of(child)
    return watch(parts)
