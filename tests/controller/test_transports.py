"""The transports' state, options and events, in a scripted worker."""

from __future__ import annotations

from typing import Any

import pytest

from miso.controller import (
    Router,
    UnsupportedError,
)
from tests.controller.conftest import StartWorker
from tests.controller.objects import record, transport_of


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
