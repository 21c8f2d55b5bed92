"""The objects' state, events and ends, in a scripted worker."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from miso.controller import (
    Consumer,
    InvalidStateError,
    NotFoundError,
    PlainTransport,
    Producer,
    Router,
    RtpObserver,
    Transport,
    UnsupportedError,
    WebRtcTransport,
)
from miso.controller.emitter import Emitter
from tests.controller.conftest import AUDIO, MEDIA_CODECS, VIDEO, StartWorker


def record(emitter: Emitter, *names: str) -> list[tuple[Any, ...]]:
    """Collects what an emitter emits."""
    seen: list[tuple[Any, ...]] = []

    def listen(name: str) -> None:
        emitter.on(name, lambda *args: seen.append((name, *args)))

    for name in names:
        listen(name)
    return seen


async def transport_of(router: Router) -> WebRtcTransport:
    return await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])


async def produce(transport: Transport) -> Producer:
    return await transport.produce(kind="audio", rtp_parameters=AUDIO)


async def consume(transport: Transport, producer: Producer, router: Router, **options: Any) -> Consumer:
    return await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities, **options)


# ---------------------------------------------------------------- WebRTC transports


async def test_web_rtc_transport_s_state(router: Router) -> None:
    created = record(router.observer, "newtransport")
    transport = await transport_of(router)
    assert created == [("newtransport", transport)]
    assert transport.ice_role == "controlled"
    assert transport.ice_parameters.username_fragment == "ufrag"
    assert transport.ice_candidates[0].port == 4443
    assert (transport.ice_state, transport.dtls_state, transport.sctp_state) == ("new", "new", "new")
    assert transport.ice_selected_tuple is None
    assert transport.sctp_parameters is not None
    assert transport.sctp_parameters.mis == 3
    assert transport.app_data == {}
    await transport.connect(dtls_parameters={"fingerprints": [{"algorithm": "sha-256", "value": "00"}], "role": "auto"})
    assert transport.dtls_parameters.role == "client"
    ice_parameters = await transport.restart_ice()
    assert ice_parameters is transport.ice_parameters
    assert ice_parameters.username_fragment == "new"
    with pytest.raises(TypeError, match="fingerprints"):
        await transport.connect(dtls_parameters={"fingerprints": "chicken"})
    transport.close()
    assert (transport.ice_state, transport.dtls_state, transport.sctp_state) == ("closed", "closed", "closed")


async def test_web_rtc_transport_s_options(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router()
    await router.create_web_rtc_transport(
        listen_ips=["127.0.0.1", {"ip": "0.0.0.0", "announcedIp": "9.9.9.1"}],
        port=1234,
        enable_tcp=True,
        prefer_udp=True,
        initial_available_outgoing_bitrate=1_000_000,
        enable_sctp=True,
        num_sctp_streams={"OS": 5, "MIS": 6},
    )
    (request,) = worker.app_data["fake"].heard_of("router.createWebRtcTransport")
    assert request["data"]["listenIps"] == [{"ip": "127.0.0.1"}, {"ip": "0.0.0.0", "announcedIp": "9.9.9.1"}]
    assert request["data"]["numSctpStreams"] == {"OS": 5, "MIS": 6}
    assert (request["data"]["port"], request["data"]["isDataChannel"]) == (1234, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "missing web_rtc_server and listen_ips"),
        ({"listen_ips": "127.0.0.1"}, "missing web_rtc_server and listen_ips"),
        ({"listen_ips": [123]}, "wrong listen_ip"),
        ({"listen_ips": [""]}, "missing listen_ip"),
        ({"listen_ips": [{"announcedIp": "1.2.3.4"}]}, "ListenIp"),
        ({"listen_ips": ["127.0.0.1"], "num_sctp_streams": {"OS": 1}}, "missing numStreams.MIS"),
        ({"listen_ips": ["127.0.0.1"], "app_data": "chicken"}, "app_data"),
    ],
)
async def test_web_rtc_transport_s_wrong_options(router: Router, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        await router.create_web_rtc_transport(**options)


async def test_web_rtc_transport_s_events(start_worker: StartWorker) -> None:
    transport_tuple = {"localIp": "a", "localPort": 1, "remoteIp": "b", "remotePort": 2, "protocol": "udp"}
    trace = {"type": "bwe", "timestamp": 1, "direction": "out", "info": {"a": 1}}
    events = {
        "icestatechange": {"iceState": "completed"},
        "iceselectedtuplechange": {"iceSelectedTuple": transport_tuple},
        "dtlsstatechange": {"dtlsState": "connected", "dtlsRemoteCert": "PEM"},
        "sctpstatechange": {"sctpState": "connected"},
        "trace": trace,
    }
    steps = [{"event": ["$transportId", name, data]} for name, data in events.items()]
    worker = await start_worker({"transport.enableTraceEvent": [*steps, {"reply": None}]})
    transport = await transport_of(await worker.create_router())
    seen = record(transport, *events)
    observed = record(transport.observer, *events)
    await transport.enable_trace_event(["bwe"])
    await worker.create_router()
    assert [name for name, _ in seen] == list(events)
    assert seen == observed
    assert (transport.ice_state, transport.dtls_state, transport.sctp_state) == ("completed", "connected", "connected")
    assert transport.dtls_remote_cert == "PEM"
    assert transport.ice_selected_tuple is not None
    assert transport.ice_selected_tuple.remote_port == 2


async def test_server_s_transports(start_worker: StartWorker) -> None:
    worker = await start_worker()
    server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}])
    seen = record(server.observer, "webrtctransporthandled", "webrtctransportunhandled", "close")
    router = await worker.create_router()
    first, second, third = [await router.create_web_rtc_transport(web_rtc_server=server) for _ in range(3)]
    (request, *_) = worker.app_data["fake"].heard_of("router.createWebRtcTransportWithServer")
    assert request["internal"] == {"routerId": router.id, "transportId": first.id, "webRtcServerId": server.id}
    closes = record(third, "listenserverclose")
    first.close()
    other = await worker.create_router()
    fourth = await other.create_web_rtc_transport(web_rtc_server=server)
    other.close()
    assert fourth.closed
    assert server.web_rtc_transports == [second, third]
    server.close()
    assert (second.closed, third.closed, third.ice_state) == (True, True, "closed")
    assert closes == [("listenserverclose",)]
    assert [name for name, *_ in seen] == [
        *["webrtctransporthandled"] * 3,
        "webrtctransportunhandled",
        "webrtctransporthandled",
        *["webrtctransportunhandled"] * 3,
        "close",
    ]
    assert not router.closed


# ---------------------------------------------------------------- ends


async def test_closing_goes_down_the_tree(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    consumer = await consume(transport, producer, router)
    data_producer = await transport.produce_data(sctp_stream_parameters={"streamId": 1})
    data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
    observer = await router.create_audio_level_observer()
    order: list[str] = []
    for name, entity, event in (
        ("transport", transport, "routerclose"),
        ("producer", producer, "transportclose"),
        ("consumer", consumer, "transportclose"),
        ("data_producer", data_producer, "transportclose"),
        ("data_consumer", data_consumer, "transportclose"),
        ("observer", observer, "routerclose"),
    ):
        entity.on(event, lambda name=name: order.append(name))
        entity.observer.on("close", lambda name=name: order.append(f"{name} close"))
    router.close()
    router.close()
    assert order == [
        *("producer", "producer close", "consumer", "consumer close"),
        *("data_producer", "data_producer close", "data_consumer", "data_consumer close"),
        *("transport", "transport close", "observer", "observer close"),
    ]


async def test_only_what_was_closed_is_closed_in_the_worker(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    producer = await produce(transport)
    producer.close()
    await produce(transport)
    observer = await router.create_active_speaker_observer()
    observer.close()
    router.close()
    await worker.create_router()
    fake = worker.app_data["fake"]
    methods = [message["method"] for message in fake.heard[1:] if message["method"].endswith("close")]
    assert methods == ["producer.close", "rtpObserver.close", "router.close"]


async def test_a_closed_object_refuses_at_once(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    router.close()
    for call in (router.dump, transport.dump, transport.get_stats, producer.dump, producer.pause, producer.get_stats):
        with pytest.raises(InvalidStateError):
            await call()
    with pytest.raises(InvalidStateError):
        producer.send(b"")
    with pytest.raises(InvalidStateError):
        await transport_of(router)


async def test_what_is_created_while_its_parent_closes_does_not_live(router: Router) -> None:
    transport = await transport_of(router)
    created = record(transport.observer, "newproducer")
    task = asyncio.create_task(produce(transport))
    await asyncio.sleep(0)
    transport.close()
    with pytest.raises(InvalidStateError):
        await task
    assert created == []
    assert router.producer(AUDIO["mid"]) is None


# ---------------------------------------------------------------- producers


async def test_a_router_that_closes_meanwhile_leaves_no_transport_behind(start_worker: StartWorker) -> None:
    worker = await start_worker()
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}])
    creating = asyncio.create_task(router.create_plain_transport(listen_ip="127.0.0.1"))
    observing = asyncio.create_task(router.create_audio_level_observer())
    await asyncio.sleep(0)
    router.close()
    for task in (creating, observing):
        with pytest.raises(InvalidStateError, match="Router closed"):
            await task
    del creating, observing, task
    await asyncio.sleep(0)
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, PlainTransport | RtpObserver)] == []
    other = await worker.create_router(media_codecs=MEDIA_CODECS)
    served = asyncio.create_task(other.create_web_rtc_transport(web_rtc_server=server))
    await asyncio.sleep(0)
    server.close()
    with pytest.raises(InvalidStateError, match="WebRtcServer closed"):
        await served
    assert (await other.create_web_rtc_transport(listen_ips=["127.0.0.1"])).closed is False


async def test_producer_s_state(router: Router) -> None:
    transport = await transport_of(router)
    created = record(transport.observer, "newproducer")
    producer = await transport.produce(kind="video", rtp_parameters=VIDEO, paused=True, app_data={"foo": 1})
    assert created == [("newproducer", producer)]
    assert (producer.kind, producer.type, producer.paused, producer.score) == ("video", "simple", True, [])
    assert producer.rtp_parameters.mid == "VIDEO"
    assert [codec.payload_type for codec in producer.consumable_rtp_parameters.codecs] == [101, 102]
    assert producer.app_data == {"foo": 1}
    observed = record(producer.observer, "pause", "resume")
    await producer.pause()
    await producer.resume()
    await producer.resume()
    await producer.pause()
    assert observed == [("resume",), ("pause",)]
    assert producer.paused


async def test_producers_of_a_transport_share_the_first_cname(router: Router) -> None:
    transport = await transport_of(router)
    named = await transport.produce(kind="video", rtp_parameters=VIDEO)
    other = await transport.produce(kind="audio", rtp_parameters={**AUDIO, "rtcp": {"cname": "OTHER"}})
    cnames = [producer.rtp_parameters.rtcp and producer.rtp_parameters.rtcp.cname for producer in (named, other)]
    assert cnames == ["FOOBAR", "FOOBAR"]
    assert other.consumable_rtp_parameters.rtcp is not None
    assert other.consumable_rtp_parameters.rtcp.cname == "FOOBAR"
    first = await produce(await transport_of(router))
    assert first.rtp_parameters.rtcp is not None
    assert len(first.rtp_parameters.rtcp.cname or "") == 8
    pipe = await router.create_pipe_transport(listen_ip="127.0.0.1")
    one, two = [
        await pipe.produce(kind="audio", rtp_parameters={**AUDIO, "rtcp": {"cname": cname}}) for cname in ("1", "2")
    ]
    assert one.rtp_parameters.rtcp is not None
    assert two.rtp_parameters.rtcp is not None
    assert (one.rtp_parameters.rtcp.cname, two.rtp_parameters.rtcp.cname) == ("1", "2")


async def test_producer_without_encodings_has_an_empty_one(router: Router) -> None:
    producer = await (await transport_of(router)).produce(kind="audio", rtp_parameters={**AUDIO, "encodings": []})
    assert len(producer.rtp_parameters.encodings) == 1


async def test_wrong_producers(router: Router) -> None:
    transport = await transport_of(router)
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    assert producer.id == "mine"
    with pytest.raises(TypeError, match='a Producer with same id "mine" already exists'):
        await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    with pytest.raises(TypeError, match='invalid kind "chicken"'):
        await transport.produce(kind="chicken", rtp_parameters=AUDIO)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"missing params\.codecs"):
        await transport.produce(kind="audio", rtp_parameters={})
    h264 = {"mimeType": "video/H264", "payloadType": 100, "clockRate": 90000}
    with pytest.raises(UnsupportedError):
        await transport.produce(kind="video", rtp_parameters={"codecs": [h264]})


async def test_producer_s_events(start_worker: StartWorker) -> None:
    events: dict[str, object] = {
        "score": [{"encodingIdx": 0, "ssrc": 11, "score": 9}],
        "videoorientationchange": {"camera": False, "flip": True, "rotation": 90},
        "trace": {"type": "keyframe", "timestamp": 1, "direction": "in", "info": {}},
    }
    steps = [{"event": ["$producerId", name, data]} for name, data in events.items()]
    worker = await start_worker({"producer.enableTraceEvent": [*steps, {"reply": None}]})
    producer = await produce(await transport_of(await worker.create_router(media_codecs=MEDIA_CODECS)))
    seen = record(producer, *events)
    observed = record(producer.observer, *events)
    await producer.enable_trace_event(["keyframe"])
    await worker.create_router()
    assert [name for name, _ in seen] == list(events)
    assert seen == observed
    assert producer.score[0].score == 9


# ---------------------------------------------------------------- consumers


async def test_consumers_are_numbered_unless_they_are_named_or_piped(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    consumers = [
        await consume(transport, producer, router, **options)
        for options in ({}, {"mid": "mine"}, {}, {"pipe": True}, {})
    ]
    assert [consumer.rtp_parameters.mid for consumer in consumers] == ["0", "mine", "1", None, "2"]
    assert [consumer.type for consumer in consumers] == ["simple", "simple", "simple", "pipe", "simple"]


async def test_consumer_retransmits_video_but_not_audio_by_default(router: Router) -> None:
    transport = await transport_of(router)
    audio = await produce(transport)
    video = await transport.produce(kind="video", rtp_parameters=VIDEO)

    async def has_nack(producer: Producer, **options: Any) -> bool:
        consumer = await consume(transport, producer, router, **options)
        feedback = consumer.rtp_parameters.codecs[0].rtcp_feedback
        return any((fb.type, fb.parameter) == ("nack", "") for fb in feedback)

    assert not await has_nack(audio)
    assert await has_nack(audio, enable_rtx=True)
    assert await has_nack(video)
    assert not await has_nack(video, enable_rtx=False)


async def test_wrong_consumers(router: Router) -> None:
    transport = await transport_of(router)
    producer = await produce(transport)
    with pytest.raises(NotFoundError, match='Producer with id "chicken" not found'):
        await transport.consume(producer_id="chicken", rtp_capabilities=router.rtp_capabilities)
    with pytest.raises(TypeError, match="missing producer_id"):
        await transport.consume(producer_id="", rtp_capabilities=router.rtp_capabilities)
    with pytest.raises(TypeError, match="mid"):
        await consume(transport, producer, router, mid="")
    with pytest.raises(TypeError, match="caps is not an object"):
        await transport.consume(producer_id=producer.id, rtp_capabilities=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="spatialLayer"):
        await consume(transport, producer, router, preferred_layers={"spatialLayer": "high"})
    with pytest.raises(UnsupportedError):
        await transport.consume(producer_id=producer.id, rtp_capabilities={})
    assert router.can_consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    assert not router.can_consume(producer_id=producer.id, rtp_capabilities={})
    assert not router.can_consume(producer_id=producer.id, rtp_capabilities="chicken")
    assert not router.can_consume(producer_id="chicken", rtp_capabilities=router.rtp_capabilities)


async def scripted_consumer(start_worker: StartWorker, *steps: dict[str, object]) -> tuple[Consumer, Router]:
    """A consumer whose worker follows the steps on ``request_key_frame``."""
    worker = await start_worker(
        {
            "consumer.requestKeyFrame": [*steps, {"reply": None}],
            "consumer.setPreferredLayers": [{"reply": {"spatialLayer": 1, "temporalLayer": 2}}],
        }
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    return await consume(transport, await produce(transport), router), router


async def test_consumer_s_own_pause_is_not_its_producer_s(start_worker: StartWorker) -> None:
    toggle: list[dict[str, object]] = [
        {"event": ["$consumerId", "producerpause", None]},
        {"event": ["$consumerId", "producerpause", None]},
        {"event": ["$consumerId", "producerresume", None]},
        {"event": ["$consumerId", "producerresume", None]},
    ]
    consumer, router = await scripted_consumer(start_worker, *toggle)
    seen = record(consumer, "producerpause", "producerresume")
    observed = record(consumer.observer, "pause", "resume")
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert seen == [("producerpause",), ("producerresume",)]
    assert observed == [("pause",), ("resume",)]
    await consumer.pause()
    assert (consumer.paused, consumer.producer_paused) == (True, False)
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert observed == [("pause",), ("resume",), ("pause",)]
    await consumer.resume()
    assert observed[3:] == [("resume",)]


async def test_consumer_s_events(start_worker: StartWorker) -> None:
    events: dict[str, object] = {
        "score": {"score": 5, "producerScore": 6, "producerScores": [6]},
        "layerschange": {"spatialLayer": 1, "temporalLayer": 0},
        "trace": {"type": "rtp", "timestamp": 1, "direction": "out", "info": {}},
    }
    steps: list[dict[str, object]] = [{"event": ["$consumerId", name, data]} for name, data in events.items()]
    consumer, router = await scripted_consumer(start_worker, *steps, {"event": ["$consumerId", "layerschange", None]})
    seen = record(consumer, *events)
    observed = record(consumer.observer, *events)
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert [name for name, _ in seen] == [*events, "layerschange"]
    assert seen == observed
    assert seen[1][1].spatial_layer == 1
    assert consumer.score.score == 5
    assert consumer.current_layers is None


async def test_consumer_closes_with_its_producer(start_worker: StartWorker) -> None:
    consumer, router = await scripted_consumer(start_worker, {"event": ["$consumerId", "producerclose", None]})
    seen = record(consumer, "producerclose")
    observed = record(consumer.observer, "close")
    await consumer.request_key_frame()
    await router.create_direct_transport()
    assert consumer.closed
    assert (seen, observed) == ([("producerclose",)], [("close",)])


async def test_consumer_s_layers_and_priority(start_worker: StartWorker) -> None:
    consumer, _ = await scripted_consumer(start_worker)
    assert (consumer.priority, consumer.preferred_layers) == (1, None)
    await consumer.set_priority(2)
    assert consumer.priority == 2
    await consumer.set_preferred_layers(2, 2)
    assert consumer.preferred_layers is not None
    assert consumer.preferred_layers.spatial_layer == 1


# ---------------------------------------------------------------- data


async def test_data_consumers_take_the_streams_in_turn(router: Router) -> None:
    transport = await transport_of(router)
    data_producer = await transport.produce_data(
        sctp_stream_parameters={"streamId": 666, "maxPacketLifeTime": 5000}, label="foo", protocol="bar"
    )
    assert (data_producer.type, data_producer.label, data_producer.protocol) == ("sctp", "foo", "bar")

    async def stream_id() -> int:
        data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
        assert data_consumer.sctp_stream_parameters is not None
        assert data_consumer.sctp_stream_parameters.ordered is False
        assert data_consumer.sctp_stream_parameters.max_packet_life_time == 5000
        consumers[data_consumer.sctp_stream_parameters.stream_id] = data_consumer
        return data_consumer.sctp_stream_parameters.stream_id

    consumers: dict[int, Any] = {}
    assert [await stream_id() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UnsupportedError, match="no sctpStreamId available"):
        await stream_id()
    consumers[1].close()
    assert await stream_id() == 1
    assert await consumers[1].get_buffered_amount() == 1234


async def test_data_consumer_s_reliability_can_differ(router: Router) -> None:
    transport = await transport_of(router)
    data_producer = await transport.produce_data(sctp_stream_parameters={"streamId": 1})
    data_consumer = await transport.consume_data(
        data_producer_id=data_producer.id, ordered=False, max_retransmits=3, app_data={"a": 1}
    )
    params = data_consumer.sctp_stream_parameters
    assert params is not None
    assert (params.stream_id, params.ordered, params.max_retransmits) == (0, False, 3)
    assert data_consumer.app_data == {"a": 1}


async def test_wrong_data_producers_and_consumers(router: Router) -> None:
    transport = await transport_of(router)
    with pytest.raises(TypeError, match="params is not an object"):
        await transport.produce_data()
    with pytest.raises(NotFoundError, match='DataProducer with id "chicken" not found'):
        await transport.consume_data(data_producer_id="chicken")
    await transport.produce_data(id="mine", sctp_stream_parameters={"streamId": 1})
    with pytest.raises(TypeError, match="already exists"):
        await transport.produce_data(id="mine", sctp_stream_parameters={"streamId": 1})
    plain = await router.create_plain_transport(listen_ip="127.0.0.1")
    with pytest.raises(TypeError, match="without SCTP"):
        await plain.consume_data(data_producer_id="mine")


# ---------------------------------------------------------------- other transports


async def test_plain_transport_s_state(router: Router) -> None:
    transport = await router.create_plain_transport(listen_ip={"ip": "127.0.0.1"})
    assert transport.tuple.remote_ip is None
    assert (transport.sctp_parameters, transport.sctp_state, transport.srtp_parameters) == (None, None, None)
    await transport.connect(ip="1.2.3.4", port=1234)
    assert transport.tuple.remote_ip == "1.2.3.4"
    with pytest.raises(TypeError, match="SrtpParameters"):
        await transport.connect(srtp_parameters={"cryptoSuite": 1})


async def test_direct_transport_cannot_limit_bitrates(router: Router) -> None:
    transport = await router.create_direct_transport()
    await transport.connect()
    for limit in (
        transport.set_max_incoming_bitrate,
        transport.set_max_outgoing_bitrate,
        transport.set_min_outgoing_bitrate,
    ):
        with pytest.raises(UnsupportedError, match="not implemented in DirectTransport"):
            await limit(1)


# ---------------------------------------------------------------- observers


async def test_observer_s_state(router: Router) -> None:
    created = record(router.observer, "newrtpobserver")
    observer = await router.create_audio_level_observer(max_entries=2)
    assert created == [("newrtpobserver", observer)]
    producer = await produce(await transport_of(router))
    observed = record(observer.observer, "pause", "resume", "addproducer", "removeproducer")
    await observer.pause()
    await observer.pause()
    assert observer.paused
    await observer.resume()
    await observer.add_producer(producer.id)
    await observer.remove_producer(producer.id)
    assert observed == [("pause",), ("resume",), ("addproducer", producer), ("removeproducer", producer)]
    with pytest.raises(NotFoundError):
        await observer.add_producer("chicken")


async def test_observers_name_producers(start_worker: StartWorker) -> None:
    volumes = [{"producerId": "gone", "volume": -10}, {"producerId": "mine", "volume": -20}]
    worker = await start_worker(
        {
            "rtpObserver.pause": [
                {"event": ["$rtpObserverId", "volumes", volumes]},
                {"event": ["$rtpObserverId", "volumes", volumes[:1]]},
                {"event": ["$rtpObserverId", "silence", None]},
                {"reply": None},
            ],
            "rtpObserver.resume": [
                {"event": ["$rtpObserverId", "dominantspeaker", {"producerId": "mine"}]},
                {"event": ["$rtpObserverId", "dominantspeaker", {"producerId": "gone"}]},
                {"reply": None},
            ],
        }
    )
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await transport_of(router)
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO, id="mine")
    levels = await router.create_audio_level_observer()
    speaker = await router.create_active_speaker_observer()
    seen = record(levels, "volumes", "silence")
    observed = record(levels.observer, "volumes", "silence")
    speakers = record(speaker, "dominantspeaker")
    await levels.pause()
    await speaker.resume()
    await worker.create_router()
    assert seen == [("volumes", [(producer, -20)]), ("silence",)]
    assert seen == observed
    assert [event.producer for _, event in speakers] == [producer]
