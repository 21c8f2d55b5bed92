"""Objects of the plane closed, dropped and used in any order: packets go nowhere, and nothing dangles."""

from __future__ import annotations

import gc
import random
import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.worker.dataplane import (
    ConsumerPlane,
    Plane,
    ProducerPlane,
    ReceiveStream,
    SrtpSuite,
    TcpConnection,
    TransportPlane,
    UdpSocket,
    UnknownSsrc,
)
from miso.worker.errors import InvalidStateError
from miso.worker.rtcp.feedback import Nack
from miso.worker.rtp.layer_selectors import SimpleLayerSelector
from tests.worker.dataplane.rig import KEY_FRAME, SSRC, Rig, address_of, make_output, now_us, rtp, udp

REPAIR_SSRC = 70
OPERATIONS = st.lists(st.tuples(st.integers(0, 18), st.integers(0, 1000), st.integers(0, 1000)), max_size=60)


class Heap:
    """Some of everything, chosen by number; what is forgotten here lives on only where the plane needs it."""

    def __init__(self) -> None:
        self.plane = Plane()
        self.pipes = [udp(), udp()]
        self.streams_of_bytes = socket.socketpair()
        for end in self.streams_of_bytes:
            end.setblocking(False)
        self.source = udp()
        self.endpoints: list[UdpSocket | TcpConnection] = []
        self.transports: list[TransportPlane] = []
        self.inputs: list[ProducerPlane] = []
        self.streams: list[ReceiveStream] = []
        self.outputs: list[ConsumerPlane] = []
        self.number = 0
        for operation in 0, 1, 1, 2, 3, 4, 5:
            self.do(operation, 0, 1)

    def do(self, operation: int, a: int, b: int) -> None:
        try:
            self.operations[operation](self, a, b)
        except (InvalidStateError, ValueError):
            pass  # closed, attached or taken already: the documented answers
        except ZeroDivisionError:
            pass  # nothing of that kind is left to choose from

    def open_socket(self, a: int, b: int) -> None:
        if a % 3 == 2:
            self.endpoints.append(TcpConnection(self.plane, self.streams_of_bytes[0].fileno(), ("127.0.0.1", 9)))
        else:
            self.endpoints.append(UdpSocket(self.plane, self.pipes[a % 2].fileno()))

    def make_transport(self, a: int, b: int) -> None:
        transport = TransportPlane(self.plane, a % 2 == 1)
        self.transports.append(transport)
        endpoint = self.endpoints[b % len(self.endpoints)]
        transport.accept_from(endpoint, address_of(self.source))
        transport.set_destination(endpoint, address_of(self.source))
        if a % 2 == 1:
            transport.set_srtp(SrtpSuite.AEAD_AES_128_GCM, bytes(28), bytes(28))
        transport.connected = True

    def make_input(self, a: int, b: int) -> None:
        made = self.transports[a % len(self.transports)].add_producer()
        made.map_payload_type(101, 96)
        made.map_extension("mid", 1, 1)
        self.inputs.append(made)

    def make_stream(self, a: int, b: int) -> None:
        self.streams.append(Rig.add_video(self, self.inputs[a % len(self.inputs)], SSRC + b % 3))  # type: ignore[arg-type]

    def repair(self, a: int, b: int) -> None:
        self.streams[a % len(self.streams)].set_rtx(b % 4 and REPAIR_SSRC + b % 4, 102)

    def make_output(self, a: int, b: int) -> None:
        output = make_output(self.transports[a % len(self.transports)], selector=SimpleLayerSelector(False))
        output.active = True
        output.deliver = b % 7 == 0
        self.outputs.append(output)

    def attach(self, a: int, b: int) -> None:
        self.inputs[a % len(self.inputs)].add_consumer(self.outputs[b % len(self.outputs)])

    def detach(self, a: int, b: int) -> None:
        self.inputs[a % len(self.inputs)].remove_consumer(self.outputs[b % len(self.outputs)])

    def feed(self, a: int, b: int) -> None:
        self.number += 1
        transport = self.transports[a % len(self.transports)]
        transport.receive(rtp(self.number, KEY_FRAME, ssrc=SSRC + b % 3), now_us())
        repaired = struct.pack("!H", self.number & 0xFFFF) + KEY_FRAME
        repair_ssrc = b % 4 and REPAIR_SSRC + b % 4
        transport.receive(rtp(self.number, repaired, ssrc=repair_ssrc, payload_type=102), now_us())

    def feed_socket(self, a: int, b: int) -> None:
        self.number += 1
        packet = rtp(self.number, KEY_FRAME, ssrc=SSRC + b % 3)
        self.source.sendto(packet, address_of(self.pipes[b % 2]))
        try:
            self.streams_of_bytes[1].send(struct.pack("!H", len(packet)) + packet)
        except OSError:
            pass
        self.endpoints[a % len(self.endpoints)].receive(now_us())

    def ask_again(self, a: int, b: int) -> None:
        nack = Nack(1, self.outputs[b % len(self.outputs)].ssrc, (self.number & 0xFFFF, b % 100))
        self.transports[a % len(self.transports)].receive_rtcp(nack.to_bytes(), now_us())

    def close_endpoint(self, a: int, b: int) -> None:
        self.forget(self.endpoints, a, b)

    def close_transport(self, a: int, b: int) -> None:
        self.forget(self.transports, a, b)

    def close_input(self, a: int, b: int) -> None:
        self.forget(self.inputs, a, b)

    def close_stream(self, a: int, b: int) -> None:
        self.forget(self.streams, a, b)

    def close_output(self, a: int, b: int) -> None:
        self.forget(self.outputs, a, b)

    def forget(self, kind: list, a: int, b: int) -> None:  # type: ignore[type-arg]
        """Closes and keeps, closes and drops, or drops without closing."""
        if b % 3 < 2:
            kind[a % len(kind)].close()
        if b % 3 > 0:
            del kind[a % len(kind)]

    def rekey(self, a: int, b: int) -> None:
        self.transports[a % len(self.transports)].set_srtp(SrtpSuite.AEAD_AES_128_GCM, bytes(28), bytes(28))

    def redirect(self, a: int, b: int) -> None:
        endpoint = self.endpoints[b % len(self.endpoints)]
        transport = self.transports[a % len(self.transports)]
        transport.set_destination(endpoint if b % 4 else None, address_of(self.source) if b % 4 else None)
        transport.send(b"\x16")
        transport.send_rtcp(b"\x80\xc9\0\1\0\0\0\1")

    def collect(self, a: int, b: int) -> None:
        gc.collect(0)

    operations: tuple[Callable[[Heap, int, int], None], ...] = (
        open_socket,
        make_transport,
        make_input,
        make_stream,
        make_output,
        attach,
        feed,
        feed_socket,
        ask_again,
        detach,
        close_endpoint,
        close_transport,
        close_input,
        close_stream,
        close_output,
        rekey,
        redirect,
        collect,
        repair,
    )

    def close(self) -> None:
        for sock in (*self.pipes, *self.streams_of_bytes, self.source):
            sock.close()


@settings(max_examples=150)
@given(OPERATIONS)
def test_any_order_of_closing_and_using_is_safe(operations: list[tuple[int, int, int]]) -> None:
    heap = Heap()
    for operation in operations:
        heap.do(*operation)
    heap.close()


def test_long_lives_end_safely_too() -> None:
    numbers = random.Random(7)
    heap = Heap()
    for _ in range(5000):
        heap.do(numbers.randrange(19), numbers.randrange(1001), numbers.randrange(1001))
    heap.close()


def test_a_stream_that_cannot_be_made_leaves_its_ssrc_free(rig: Rig) -> None:
    with pytest.raises(TypeError):
        rig.input.add_stream(
            ssrc=42,
            mapped_ssrc=43,
            codec="VP8",  # type: ignore[arg-type]
            payload_type=101,
            clock_rate=90000,
            use_nack=True,
            use_pli=True,
        )
    (event,) = rig.transport.receive(rtp(1, KEY_FRAME, ssrc=42), now_us())
    assert isinstance(event, UnknownSsrc)
    rig.add_video(rig.input, 42)


def test_closing_gives_everything_back(rig: Rig) -> None:
    """Two hundred consumers come and go: as many objects afterwards as before."""

    def come_and_go() -> None:
        transport = TransportPlane(rig.plane, False)
        transport.accept_from(rig.udp, ("127.0.0.1", 40000))
        transport.set_srtp(SrtpSuite.AES_CM_128_HMAC_SHA1_80, bytes(30), bytes(30))
        output = make_output(transport)
        output.active = True
        rig.input.add_consumer(output)
        source = transport.add_producer()
        source.map_payload_type(101, 96)
        rig.add_video(source, 42)
        transport.receive(rtp(1, KEY_FRAME, ssrc=42), now_us())
        transport.close()

    come_and_go()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        come_and_go()
    gc.collect()
    assert len(gc.get_objects()) - before < 20
