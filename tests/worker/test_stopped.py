"""A worker that was stopped for longer than its peers may be silent: they were not, and stay.

Their checks did not even reach it: media filled the socket.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import time
from typing import Any

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CreateWebRtcTransportRequest, ListenIp
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted, Notification
from miso.worker.channel.codec import Dialect
from miso.worker.ice import stun
from miso.worker.ice.stun import MessageClass
from tests.harness.client import WorkerClient
from tests.harness.conversation import LOCAL, ROUTER, on_transport

WORKER = shlex.split(f"{sys.executable} -m miso.worker")
CONSENT_S = 5
STOPPED_S = 7.0
CHECKS_EVERY_S = 0.5
FLOOD = 30_000
"""Packets: more than fit into the socket's buffer."""
RTP = bytes.fromhex("80640001000000010000000a") + bytes(1200)


def _data(answer: object) -> Any:
    assert isinstance(answer, Accepted | Notification)
    return answer.data


def test_peers_stay_whose_checks_were_lost_while_the_worker_was_stopped() -> None:
    with WorkerClient(WORKER, Dialect.V3_10) as client, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        body = CreateWebRtcTransportRequest(
            transport_id="tr", listen_ips=[ListenIp(ip=LOCAL)], ice_consent_timeout=CONSENT_S
        )
        created = _data(client.request(commands.ROUTER_CREATE_WEB_RTC_TRANSPORT, ROUTER, body))
        ice = created["iceParameters"]
        peer.connect((LOCAL, created["iceCandidates"][0]["port"]))
        transactions = iter(range(1, 10_000))

        def check_for(seconds: float) -> None:
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                check = stun.build(
                    MessageClass.REQUEST,
                    next(transactions).to_bytes(12, "big"),
                    username=f"{ice['usernameFragment']}:peer",
                    password=ice["password"],
                    priority=1,
                    ice_controlling=1,
                    use_candidate=True,
                )
                peer.send(check)
                time.sleep(CHECKS_EVERY_S)

        check_for(1.0)
        os.kill(client.pid, signal.SIGSTOP)
        try:
            for _ in range(FLOOD):
                peer.send(RTP)
            check_for(STOPPED_S)
        finally:
            os.kill(client.pid, signal.SIGCONT)
        check_for(1.0)
        dumped = _data(client.request(commands.TRANSPORT_DUMP, on_transport("tr")))
        told = [_data(event)["iceState"] for event in client.events if event.event == "icestatechange"]
        assert told == ["completed"]
        assert dumped["iceState"] == "completed"
