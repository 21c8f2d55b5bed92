"""No keystream of SRTP is used for two packets: under one key, SSRC and index goes one packet out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from miso.worker.dataplane import ConsumerPlane, OutgoingEstimate, Rounds, SrtpSuite, TransportPlane
from miso.worker.errors import InvalidStateError
from miso.worker.srtp import choice, cipher
from tests.worker.dataplane.rig import DELTA_FRAME, KEY_FRAME, OPUS, Peer, Rig, ask_again, make_output, rtp

SSRCS = [(100, 101), (200, 0), (300, 301)]
PROBATION_SSRC = 1234
STEP_US = 7_000


@pytest.fixture(params=["ours", "libsrtp"])
def code(request: pytest.FixtureRequest) -> Iterator[str]:
    """By what packets are protected."""
    if request.param == "libsrtp":
        cipher.use(0)
    yield request.param
    cipher.use(choice.allowed_parts())


@dataclass
class Wire:
    """Who sees all that goes out: it knows each packet's index, as everybody can, and decrypts with libsrtp."""

    peer: Peer
    highest: dict[int, int] = field(default_factory=dict)
    seen: dict[tuple[int, int], bytes] = field(default_factory=dict)  # SSRC and index → the datagram
    repeated: int = 0

    def read(self) -> None:
        """Takes what has come, in the order in which it was sent."""
        for datagram in self.peer.datagrams():
            ssrc = int.from_bytes(datagram[8:12], "big")
            index = self._index(ssrc, int.from_bytes(datagram[2:4], "big"))
            before = self.seen.setdefault((ssrc, index), datagram)
            if before is datagram:
                self.peer.incoming.unprotect(datagram)  # raises when the index is another
            assert datagram == before, f"SSRC {ssrc}, index {index}: two packets under one keystream"
            self.repeated += before is not datagram

    def _index(self, ssrc: int, number: int) -> int:
        highest = self.highest.get(ssrc, number)
        index = highest + (number - highest + 0x8000) % 0x10000 - 0x8000
        self.highest[ssrc] = max(highest, index)
        return index


@dataclass
class Storm:
    """A sender that loses, delays, repeats and says twice with other words; receivers that ask again and come anew."""

    rig: Rig
    transport: TransportPlane
    wire: Wire
    chance: random.Random
    now_us: int = 5_000_000
    number: int = 65_000
    outputs: dict[int, ConsumerPlane] = field(default_factory=dict)
    remade: int = 0
    asked: int = 0

    def make(self, ssrc: int, rtx_ssrc: int) -> None:
        output = make_output(self.transport, ssrc=ssrc, rtx_ssrc=rtx_ssrc)
        output.active = True
        self.rig.input.add_consumer(output)
        self.outputs[ssrc] = output

    def remake(self, ssrc: int, rtx_ssrc: int) -> None:
        """It ends, and another one begins with the same SSRCs."""
        self.outputs[ssrc].close()
        self.make(ssrc, rtx_ssrc)
        self.remade += 1

    def send(self) -> None:
        """Some packets, most of them in order."""
        chance, numbers = self.chance, []
        for _ in range(chance.randint(1, 12)):
            self.number += chance.choices([1, 2, chance.randint(3, 2900)], [90, 8, 2])[0]
            numbers.append(self.number)
        if chance.random() < 0.3:
            chance.shuffle(numbers)
        numbers += [chance.randint(self.number - 1500, self.number) for _ in range(chance.randint(0, 3))]
        for number in numbers:
            frame = KEY_FRAME if chance.random() < 0.2 else DELTA_FRAME
            size = chance.randint(0, 300)
            kind = OPUS if chance.random() < 0.1 else None
            packet = rtp(
                number & 0xFFFF, frame + chance.randbytes(size), timestamp=number * 300, marker=chance.random() < 0.5
            )
            if kind is not None:  # of another codec: it is left out, and where others were numbered it is filled
                packet = packet[:1] + bytes([kind]) + packet[2:]
            self.rig.transport.receive(packet, self.now_us)
        self.wire.read()

    def ask(self) -> None:
        """A storm of requests, for what was sent and what was not."""
        output = self.chance.choice(list(self.outputs.values()))
        back = self.chance.choice([20, 300, 1100])
        numbers = [(output.last_sequence - self.chance.randint(-3, back)) & 0xFFFF for _ in range(40)]
        self.asked += ask_again(self.transport, output, numbers, self.now_us)
        self.wire.read()

    def probe(self) -> None:
        """An estimate that is made anew, and its probation packets."""
        estimate = OutgoingEstimate(
            self.transport,
            start_bitrate_bps=2_000_000,
            min_bitrate_bps=30_000,
            mid_id=1,
            abs_send_time_id=4,
            transport_wide_cc_id=5,
        )
        estimate.set_limits(min_bitrate_bps=30_000, max_bitrate_bps=9_000_000, probing=True, now_us=self.now_us)
        rounds = Rounds(self.rig.plane, 64)
        for _ in range(5):
            self.now_us += STEP_US
            estimate.on_tick(self.now_us)
            rounds.set(estimate, self.now_us)
            rounds.run(self.now_us, ntp=0)
        estimate.close()
        self.wire.read()


@pytest.mark.parametrize("suite", SrtpSuite)
def test_one_keystream_is_for_one_packet_in_any_storm(
    make_rig: Callable[..., Rig], code: str, suite: SrtpSuite
) -> None:
    rig = make_rig(None)
    consumer = rig.add_consumer(suite=suite, ssrc=9, rtx_ssrc=10)
    consumer.transport.twcc_next = 65_000
    storm = Storm(rig, consumer.transport, Wire(consumer.peer), random.Random(suite.name))
    for ssrcs in SSRCS:
        storm.make(*ssrcs)
    for turn in range(600):
        storm.now_us += STEP_US
        storm.send()
        if turn % 3 == 0:
            storm.ask()
        if turn % 20 == 0:
            storm.remake(*storm.chance.choice(SSRCS))
        if turn % 50 == 0:
            storm.probe()
    assert storm.wire.highest[200] > 65_536
    assert storm.remade == 30
    assert storm.wire.repeated > 50
    assert storm.asked > 500
    assert {ssrc for ssrc, _ in storm.wire.seen} == {9, 100, 101, 200, 300, 301, PROBATION_SSRC}


@pytest.mark.parametrize("suite", SrtpSuite)
@pytest.mark.parametrize("rtx_ssrc", [0, 8])
def test_a_stream_goes_on_where_the_one_before_with_its_ssrcs_ended(
    make_rig: Callable[..., Rig], code: str, suite: SrtpSuite, rtx_ssrc: int
) -> None:
    """Its receiver, which has forgotten nothing, can decrypt all of it, over a rollover, too."""
    rig = make_rig(None)
    consumer = rig.add_consumer(suite=suite, ssrc=7, rtx_ssrc=rtx_ssrc)
    output, now, numbers = consumer.output, 1_000_000, []
    for turn in range(8):
        for number in range(70 * turn, 70 * turn + 60):
            now += STEP_US
            rig.transport.receive(rtp(number * 500 & 0xFFFF, KEY_FRAME + bytes([turn])), now)
        ask_again(consumer.transport, output, [output.last_sequence], now)
        for datagram in dict.fromkeys(consumer.peer.datagrams()):
            consumer.peer.incoming.unprotect(datagram)
        numbers.append(output.last_sequence)
        output.close()
        output = make_output(consumer.transport, ssrc=7, rtx_ssrc=rtx_ssrc)
        output.active = True
        rig.input.add_consumer(output)
    assert rig.plane.counters["srtp_failed"] == 0
    assert numbers[1:] != sorted(numbers[1:])


def test_a_repair_without_rtx_is_byte_by_byte_what_was_sent(make_rig: Callable[..., Rig]) -> None:
    """Transport-wide number and send time, too, though the clock went on."""
    rig = make_rig(None)
    consumer = rig.add_consumer(suite=SrtpSuite.AEAD_AES_256_GCM, ssrc=7, rtx_ssrc=0)
    now = 3_000_000
    for number in range(20):
        rig.transport.receive(rtp(number, KEY_FRAME, extensions={6: b"abc", 7: b"de"}), now + 1357 * number)
    first = list(consumer.peer.datagrams())
    wanted = [consumer.output.last_sequence - back & 0xFFFF for back in range(20)]
    assert consumer.ask_again(wanted, now + 900_000) == 20
    assert list(consumer.peer.datagrams()) == first[::-1]
    assert len({datagram[16:] for datagram in first}) == 20


@pytest.mark.parametrize(
    "options", [{"ssrc": 100}, {"ssrc": 101}, {"ssrc": 5, "rtx_ssrc": 100}, {"ssrc": 5, "rtx_ssrc": 5}]
)
def test_two_streams_of_one_transport_cannot_have_one_ssrc(
    make_rig: Callable[..., Rig], options: dict[str, int]
) -> None:
    rig = make_rig(None)
    consumer = rig.add_consumer(suite=SrtpSuite.AEAD_AES_128_GCM, ssrc=100, rtx_ssrc=101)
    wrong = options.get("rtx_ssrc", options["ssrc"])
    with pytest.raises(InvalidStateError, match=f"SSRC {wrong} is sent by this transport already"):
        make_output(consumer.transport, **{"rtx_ssrc": 0, **options})
    make_output(consumer.transport, ssrc=5, rtx_ssrc=6).close()
    consumer.output.close()
    make_output(consumer.transport, ssrc=101, rtx_ssrc=100).close()


def test_the_ssrc_of_probation_packets_is_no_consumers(make_rig: Callable[..., Rig]) -> None:
    transport = make_rig(None).add_consumer(suite=SrtpSuite.AEAD_AES_128_GCM).transport
    for options in ({"ssrc": 1234, "rtx_ssrc": 5}, {"ssrc": 5, "rtx_ssrc": 1234}):
        with pytest.raises(InvalidStateError, match="SSRC 1234 is that of the transport's own probation packets"):
            make_output(transport, **options)


def test_a_transport_without_srtp_takes_the_same_ssrc_twice(make_rig: Callable[..., Rig]) -> None:
    consumer = make_rig(None).add_consumer(ssrc=100)
    make_output(consumer.transport, ssrc=100).close()


def test_the_key_in_use_given_again_changes_nothing(make_rig: Callable[..., Rig], code: str) -> None:
    rig = make_rig(None)
    suite = SrtpSuite.AES_CM_128_HMAC_SHA1_80
    consumer = rig.add_consumer(suite=suite)
    for number in range(3):
        rig.transport.receive(rtp(65_535 + number & 0xFFFF, KEY_FRAME), 1_000_000)
    consumer.transport.set_srtp(suite, consumer.peer.key, consumer.peer.plane_key)
    rig.transport.receive(rtp(2, KEY_FRAME), 1_000_000)
    assert len(consumer.packets()) == 4
    with pytest.raises(ValueError, match="in use with AES_CM_128_HMAC_SHA1_80"):
        consumer.transport.set_srtp(SrtpSuite.AES_CM_128_HMAC_SHA1_32, consumer.peer.key, consumer.peer.plane_key)


def test_so_many_ssrcs_under_one_key_and_no_more(make_rig: Callable[..., Rig]) -> None:
    """To forget one would begin its index again. One that sent nothing is not remembered; another key frees all."""
    rig = make_rig(None)
    suite = SrtpSuite.AEAD_AES_128_GCM
    consumer = rig.add_consumer(suite=suite, ssrc=1, rtx_ssrc=0)
    transport = consumer.transport
    for ssrc in range(10_002, 75_537):
        output = make_output(transport, ssrc=ssrc, rtx_ssrc=0, keep_for_retransmission=False)
        output.active = True
        rig.input.add_consumer(output)
        if ssrc < 75_536:
            rig.transport.receive(rtp(ssrc, KEY_FRAME), 1_000_000 + ssrc)
        output.close()
    make_output(transport, ssrc=75_537, rtx_ssrc=0).close()
    last = make_output(transport, ssrc=75_538, rtx_ssrc=0)
    with pytest.raises(InvalidStateError, match="sent with 65536 SSRCs under one SRTP key"):
        make_output(transport, ssrc=75_539, rtx_ssrc=0)
    make_output(transport, ssrc=10_050, rtx_ssrc=0).close()
    consumer.peer.renew_keys()
    transport.set_srtp(suite, consumer.peer.key, consumer.peer.plane_key)
    make_output(transport, ssrc=75_539, rtx_ssrc=0).close()
    last.close()
