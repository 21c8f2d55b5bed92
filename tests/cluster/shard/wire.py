"""The network between the ends of pipes: a relay that loses, delays and cuts, the same way again for the same seed.

Ends listen on 127.0.0.1 and announce another loopback address, where a socket of the relay has the same port. What is
sent there goes on to the end itself, from the socket that stands for its sender.
"""

from __future__ import annotations

import asyncio
import random
import socket

from miso.cluster.facts import PipeEndFact, RoomFact

ENDS_IP = "127.0.0.1"
_RECEIVE_BYTES = 4_194_304


class Wire:
    """All paths between ends.

    Attributes:
        loss: The share of datagrams that vanish.
        late: The share that comes ``late_s`` later, behind those that were sent after it.
        late_s: How much later.
        is_cut: Everything vanishes.
        passed: How many datagrams went on.
        lost: How many vanished.
    """

    def __init__(self, seed: int = 1) -> None:
        self.loss = 0.0
        self.late = 0.0
        self.late_s = 0.03
        self.is_cut = False
        self.passed = 0
        self.lost = 0
        self._random = random.Random(seed)
        self._sockets: dict[int, socket.socket] = {}

    def show(self, fact: RoomFact) -> None:
        """An end is there."""
        if not isinstance(fact, PipeEndFact) or fact.port in self._sockets:
            return
        relay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        relay.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        relay.bind((fact.ip, fact.port))
        relay.setblocking(False)
        self._sockets[fact.port] = relay
        asyncio.get_running_loop().add_reader(relay, self._read, relay, fact.port)

    def close(self) -> None:
        for relay in self._sockets.values():
            asyncio.get_running_loop().remove_reader(relay)
            relay.close()

    def _read(self, relay: socket.socket, port: int) -> None:
        for _ in range(64):
            try:
                data, (_, sender) = relay.recvfrom(2048)
            except BlockingIOError:
                return
            if self.is_cut or self._random.random() < self.loss:
                self.lost += 1
            elif self._random.random() < self.late:
                asyncio.get_running_loop().call_later(self.late_s, self._pass_on, data, sender, port)
            else:
                self._pass_on(data, sender, port)

    def _pass_on(self, data: bytes, sender: int, port: int) -> None:
        known = self._sockets.get(sender)
        if known is not None and known.fileno() >= 0:
            self.passed += 1
            known.sendto(data, (ENDS_IP, port))
