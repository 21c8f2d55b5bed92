"""The floor of a join: the server's half of a DTLS handshake by OpenSSL, between two memory BIOs."""

from __future__ import annotations

import time

from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.openssl import Connection
from miso.worker.dtls.transport import MTU


def handshake_us(count: int) -> float:
    """CPU of the server's half, in µs: the mean of so many handshakes, with certificates as the worker makes them."""
    server_context, client_context = Certificate().context, Certificate().context
    spent_ns = 0
    for _ in range(count):
        client = Connection(client_context, is_server=False, mtu=MTU)
        client.begin()
        began_ns = time.thread_time_ns()
        server = Connection(server_context, is_server=True, mtu=MTU)
        spent_ns += time.thread_time_ns() - began_ns
        while not client.handshake_done:
            for datagram in client.datagrams():
                began_ns = time.thread_time_ns()
                server.receive(datagram)
                spent_ns += time.thread_time_ns() - began_ns
            for datagram in server.datagrams():
                client.receive(datagram)
    return spent_ns / count / 1000
