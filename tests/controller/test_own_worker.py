"""The controller with Miso's own worker."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from miso.controller import Consumer, Producer, RequestError, Router, Transport, Worker, create_worker, to_json
from miso.controller.emitter import Emitter
from tests.controller.conftest import AUDIO, MEDIA_CODECS, VIDEO
from tests.controller.rtp_socket import RtpSocket
from tests.patience import PATIENCE_S
from tests.worker.rtp.packets import KEY_FRAME, rtp

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def router(worker: Worker) -> Router:
    return await worker.create_router(media_codecs=MEDIA_CODECS)


async def heard(emitter: Emitter, name: str) -> Any:
    """Waits for an event; its first argument."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    emitter.once(name, lambda *args: future.set_result(args[0] if args else None))
    return await asyncio.wait_for(future, PATIENCE_S)


async def pair(router: Router) -> tuple[Producer, Consumer]:
    sending = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    receiving = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    producer = await sending.produce(kind="video", rtp_parameters=VIDEO)
    consumer = await receiving.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    return producer, consumer


async def test_dump_and_resource_usage(worker: Worker) -> None:
    router = await worker.create_router()
    server = await worker.create_web_rtc_server(listen_infos=[{"protocol": "udp", "ip": "127.0.0.1"}])
    dump = await worker.dump()
    assert (dump.pid, dump.router_ids, dump.web_rtc_server_ids) == (worker.pid, [router.id], [server.id])
    assert (await worker.get_resource_usage()).ru_maxrss > 1000
    server.close()
    router.close()
    dump = await worker.dump()
    assert (dump.router_ids, dump.web_rtc_server_ids) == ([], [])


async def test_load_counts_a_packet_for_each_of_its_consumers(worker: Worker) -> None:
    assert (await worker.get_load()).packets_forwarded == 0
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    sending = await router.create_plain_transport(listen_ip="127.0.0.1", comedia=True)
    producer = await sending.produce(kind="video", rtp_parameters=VIDEO)
    receivers = [await RtpSocket.receiver(router) for _ in range(3)]
    for _, transport in receivers:
        await transport.consume(producer_id=producer.id, rtp_capabilities=router.rtp_capabilities)
    source = await RtpSocket.open(sending)
    before = await worker.get_load()
    source.send(rtp(1, KEY_FRAME, ssrc=VIDEO["encodings"][0]["ssrc"], payload_type=112))
    for receiver, _ in receivers:
        await receiver.packet()
    after = await worker.get_load()
    assert after.packets_forwarded == 3
    assert 0 < before.cpu_us <= after.cpu_us
    assert 0 <= after.cpu_us - before.cpu_us <= 2 * (after.timestamp_us - before.timestamp_us)
    for socket in (source, *(receiver for receiver, _ in receivers)):
        socket.close()


async def test_a_worker_that_stands_still_tells_how_long_media_waited(worker: Worker, router: Router) -> None:
    before = await delays_beyond(worker, 0.1)
    stand_still(worker.pid)
    await asyncio.sleep(1)
    os.kill(worker.pid, signal.SIGCONT)
    async with asyncio.timeout(PATIENCE_S):
        while await delays_beyond(worker, 0.1) < before + 5:  # of 9 ticks, each 100 ms
            pass
    router.close()
    idle = (await worker.get_load()).loop_delay
    await asyncio.sleep(0.5)
    assert (await worker.get_load()).loop_delay == idle


def stand_still(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


async def delays_beyond(worker: Worker, seconds: float) -> int:
    delay = (await worker.get_load()).loop_delay
    assert delay is not None
    first = delay.bounds_us.index(int(seconds * 1e6)) + 1
    return sum(delay.counts[first:])


async def test_settings_can_change(worker: Worker) -> None:
    await worker.update_settings(log_level="debug", log_tags=["ice", "rtp"])
    with pytest.raises(TypeError):
        await worker.update_settings(log_level="chicken")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"log_level": "chicken"},
        {"rtc_min_port": 1000, "rtc_max_port": 999},
        {"rtc_min_port": 1000, "rtc_max_port": 65536},
        {"dtls_certificate_file": "/notfound/cert.pem"},
        {"dtls_private_key_file": "/notfound/priv.pem"},
    ],
)
async def test_wrong_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="wrong settings"):
        await create_worker(**settings)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_died(worker: Worker, router: Router, number: signal.Signals) -> None:
    dying = asyncio.create_task(heard(worker, "died"))
    await asyncio.sleep(0)
    os.kill(worker.pid, number)
    assert await dying is worker.death
    assert worker.died
    assert router.closed


async def test_signals_that_a_worker_ignores(worker: Worker) -> None:
    for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(worker.pid, number)
    assert (await worker.dump()).pid == worker.pid


async def test_web_rtc_transports_of_both_kinds(worker: Worker, router: Router) -> None:
    server = await worker.create_web_rtc_server(
        listen_infos=[{"protocol": "udp", "ip": "127.0.0.1", "announcedIp": "9.9.9.1"}]
    )
    shared = await router.create_web_rtc_transport(web_rtc_server=server)
    own = await router.create_web_rtc_transport(
        listen_ips=["127.0.0.1"], enable_tcp=True, prefer_udp=True, enable_sctp=True
    )
    assert [candidate.ip for candidate in shared.ice_candidates] == ["9.9.9.1"]
    assert [candidate.protocol for candidate in own.ice_candidates] == ["udp", "tcp"]
    assert own.sctp_parameters is not None
    assert own.sctp_state == "new"
    fingerprint = {"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}
    await shared.connect(dtls_parameters={"role": "client", "fingerprints": [fingerprint]})
    assert shared.dtls_parameters.role == "server"
    with pytest.raises(RequestError):
        await shared.connect(dtls_parameters={"fingerprints": [fingerprint]})
    before = own.ice_parameters
    assert (await own.restart_ice()).username_fragment != before.username_fragment
    await own.set_max_incoming_bitrate(1_000_000)
    await own.set_max_outgoing_bitrate(2_000_000)
    await own.set_min_outgoing_bitrate(1_000_000)
    (stats,) = await own.get_stats()
    assert (stats.type, stats.transport_id, stats.ice_state) == ("webrtc-transport", own.id, "new")
    assert (await shared.dump()).id == shared.id
    closing = asyncio.create_task(heard(shared, "listenserverclose"))
    await asyncio.sleep(0)
    server.close()
    await closing
    assert (await router.dump()).transport_ids == [own.id]


async def test_plain_transport(router: Router) -> None:
    transport = await router.create_plain_transport(listen_ip="127.0.0.1", enable_srtp=True, rtcp_mux=False)
    assert transport.rtcp_tuple is not None
    assert transport.srtp_parameters is not None
    assert transport.tuple.local_port
    await transport.connect(ip="127.0.0.2", port=1234, rtcp_port=1235, srtp_parameters=transport.srtp_parameters)
    assert (transport.tuple.remote_ip, transport.tuple.remote_port) == ("127.0.0.2", 1234)
    with pytest.raises(RequestError):
        await transport.connect(ip="127.0.0.2", port=1234, rtcp_port=1235, srtp_parameters=transport.srtp_parameters)


async def test_producer_and_consumer_pause_resume_and_close_together(router: Router) -> None:
    producer, consumer = await pair(router)
    assert (await router.dump()).map_producer_id_consumer_ids == {producer.id: [consumer.id]}
    pausing = asyncio.create_task(heard(consumer, "producerpause"))
    await producer.pause()
    await pausing
    assert consumer.producer_paused
    resuming = asyncio.create_task(heard(consumer, "producerresume"))
    await producer.resume()
    await resuming
    await consumer.pause()
    await consumer.set_priority(3)
    assert consumer.priority == 3
    await consumer.request_key_frame()
    assert (await producer.dump()).id == producer.id
    assert (await consumer.dump()).producer_id == producer.id
    await producer.get_stats()
    assert {stat.type for stat in await consumer.get_stats()} <= {"inbound-rtp", "outbound-rtp"}
    closing = asyncio.create_task(heard(consumer, "producerclose"))
    await asyncio.sleep(0)
    producer.close()
    await closing
    assert consumer.closed
    assert (await router.dump()).map_producer_id_consumer_ids == {}


async def test_wrong_values_and_states_are_told_apart(router: Router) -> None:
    producer, consumer = await pair(router)
    with pytest.raises(TypeError):
        await consumer.set_priority(0)
    with pytest.raises(TypeError):
        await router.create_web_rtc_transport(listen_ips=["chicken"])
    with pytest.raises(RequestError):
        await router.create_web_rtc_transport(listen_ips=["192.0.2.1"])
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    with pytest.raises(RequestError):
        await transport.produce(kind="audio", rtp_parameters=AUDIO, id=producer.id)
    assert to_json(producer.rtp_parameters) != {}


async def test_observers(router: Router) -> None:
    levels = await router.create_audio_level_observer(max_entries=3, threshold=-70, interval=500)
    speaker = await router.create_active_speaker_observer(interval=500)
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    producer = await transport.produce(kind="audio", rtp_parameters=AUDIO)
    for observer in (levels, speaker):
        await observer.pause()
        await observer.resume()
        await observer.add_producer(producer.id)
    dump = await router.dump()
    assert set(dump.rtp_observer_ids) == {levels.id, speaker.id}
    assert set(dump.map_producer_id_observer_ids[producer.id]) == {levels.id, speaker.id}
    await levels.remove_producer(producer.id)
    levels.close()
    assert (await router.dump()).rtp_observer_ids == [speaker.id]


CONTROLLER = """
    import asyncio
    from miso.controller import create_worker

    async def main():
        workers = [await create_worker() for _ in range(2)]
        print(*(worker.pid for worker in workers), flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


async def test_no_worker_outlives_a_killed_controller() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(CONTROLLER), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pidfds = [os.pidfd_open(int(pid)) for pid in (await process.stdout.readline()).split()]
    process.kill()
    await process.wait()
    assert len(pidfds) == 2
    loop = asyncio.get_running_loop()
    for pidfd in pidfds:
        ended: asyncio.Future[None] = loop.create_future()
        loop.add_reader(pidfd, ended.set_result, None)
        await asyncio.wait_for(ended, PATIENCE_S)
        loop.remove_reader(pidfd)
        os.close(pidfd)


async def test_messages_of_the_application_may_be_unreliable(router: Router) -> None:
    direct = await router.create_direct_transport()
    sctp = await router.create_plain_transport(listen_ip="127.0.0.1", enable_sctp=True)
    source = await direct.produce_data()
    chosen: list[dict[str, Any]] = [{}, {"max_retransmits": 1}, {"max_packet_life_time": 100}, {"ordered": False}]
    consumers = [await sctp.consume_data(data_producer_id=source.id, **options) for options in chosen]
    streams = [consumer.sctp_stream_parameters for consumer in consumers]
    assert [stream.ordered for stream in streams if stream is not None] == [True, False, False, False]


async def test_what_is_closed_goes_without_a_search_for_cycles(worker: Worker) -> None:
    gc.collect()
    gc.disable()
    try:
        gone = [weakref.ref(thing) for thing in await used_and_closed(worker)]
        async with asyncio.timeout(PATIENCE_S):
            while any(ref() is not None for ref in gone):  # noqa: ASYNC110  # answers to what closes come a moment later
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def used_and_closed(worker: Worker) -> list[object]:
    """A router and what was in it, with listeners that know what they listen to."""
    router = await worker.create_router(media_codecs=MEDIA_CODECS)
    transport = await router.create_web_rtc_transport(listen_ips=["127.0.0.1"])
    things: list[Router | Transport | Producer | Consumer] = [router, transport, *await pair(router)]
    for thing in things:
        thing.observer.on("close", partial(repr, thing))
        thing.on("x", partial(repr, [thing, router]))
    router.close()
    return list(things)
