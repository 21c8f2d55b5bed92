"""The floor of a join: the server's half of a DTLS handshake by OpenSSL, between two memory BIOs."""

from __future__ import annotations

import time

from OpenSSL import SSL

from miso.worker.dtls.certificate import Certificate
from miso.worker.dtls.transport import MTU

_READ_SIZE = 65_536


def handshake_us(count: int) -> float:
    """CPU of the server's half, in µs: the mean of so many handshakes, with certificates as the worker makes them."""
    server_context, client_context = Certificate().context, Certificate().context
    spent_ns = 0
    for _ in range(count):
        client = _connection(client_context)
        client.set_connect_state()
        began_ns = time.thread_time_ns()
        server = _connection(server_context)
        server.set_accept_state()
        spent_ns += time.thread_time_ns() - began_ns
        done = False
        while not done:
            client_done = _step(client)
            _move(client, server)
            began_ns = time.thread_time_ns()
            done = _step(server)
            spent_ns += time.thread_time_ns() - began_ns
            _move(server, client)
            done = done and (client_done or _step(client))
    return spent_ns / count / 1000


def _connection(context: SSL.Context) -> SSL.Connection:
    connection = SSL.Connection(context)
    connection.set_ciphertext_mtu(MTU)
    return connection


def _step(connection: SSL.Connection) -> bool:
    """Whether the handshake is over."""
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return False
    return True


def _move(source: SSL.Connection, target: SSL.Connection) -> None:
    while True:
        try:
            target.bio_write(source.bio_read(_READ_SIZE))
        except SSL.WantReadError:
            return
