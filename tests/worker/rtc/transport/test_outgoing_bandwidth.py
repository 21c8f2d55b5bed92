"""The outgoing estimate: who decides its kind, how it is shared out, its limits, statistics and traces."""

from __future__ import annotations

from typing import Any

import pytest

from miso.worker.bwe.transport_feedback import TransportFeedback
from miso.worker.channel.bodies.transport import EnableTraceEventRequest, SetBitrateRequest
from miso.worker.dataplane.bandwidth.desired_trend import DesiredTrend
from miso.worker.errors import BodyError
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.feedback import Remb
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.parameters import ABS_SEND_TIME_URI, MID_URI, TRANSPORT_WIDE_CC_URI, VIDEO_SSRC
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, RtpPacket, rtp

INITIAL_BPS = 600_000
PROBATION_SSRC = 1234
MS = 1000


def video(feedback: list[str], extensions: dict[str, int], ssrc: int) -> dict[str, Any]:
    """A receiver's parameters for VP8 with this feedback and these header extensions."""
    return {
        "mid": "0",
        "rtcp": {"cname": "router"},
        "codecs": [
            {
                "mimeType": "video/VP8",
                "payloadType": 100,
                "clockRate": 90000,
                "rtcpFeedback": [{"type": one} for one in feedback],
            }
        ],
        "encodings": [{"ssrc": ssrc}],
        "headerExtensions": [{"uri": uri, "id": id_} for uri, id_ in extensions.items()],
    }


def transport_cc(ssrc: int) -> dict[str, Any]:
    return video(["transport-cc"], {MID_URI: 1, ABS_SEND_TIME_URI: 4, TRANSPORT_WIDE_CC_URI: 5}, ssrc)


def remb(ssrc: int) -> dict[str, Any]:
    return video(["goog-remb"], {MID_URI: 1, ABS_SEND_TIME_URI: 4}, ssrc)


class Receiver:
    """A connected transport with one video consumer, and a sender that feeds it."""

    def __init__(self, rig: Rig, parameters: dict[str, Any] | None = None) -> None:
        self.rig = rig
        self.sender = rig.connect()
        self.producer = rig.produce(self.sender)
        self.peer = rig.connect()
        self.consumer = self.consume(parameters or transport_cc(7000))
        self._sequence_number = 0
        self._feedback = TransportFeedback()
        self._delay_us = 0
        self.probation: list[RtpPacket] = []

    def consume(self, parameters: dict[str, Any]) -> Consumer:
        return self.rig.consume(self.peer, self.producer, rtpParameters=parameters)

    def stats(self) -> Any:
        (stats,) = self.peer.transport.get_stats()
        return stats

    def watch(self, milliseconds: int, bitrate_bps: int = 1_000_000, *, answer: bool = True) -> None:
        """Video of this bitrate flows; the receiver reports every 100 ms what it got."""
        for step in range(milliseconds // 10):
            payload = KEY_FRAME if self._sequence_number == 0 else DELTA_FRAME
            size = max(bitrate_bps // 800 - 60, 50)
            self._sequence_number += 1
            self.sender.send(
                rtp(self._sequence_number, payload + bytes(size), ssrc=VIDEO_SSRC, payload_type=96),
            )
            self.rig.clock.advance(10)
            for packet in self.peer.rtp():
                if packet.ssrc == PROBATION_SSRC:
                    self.probation.append(packet)
                if answer and 5 in packet.extensions:
                    self._arrived(int.from_bytes(packet.extensions[5], "big"))
            if answer and step % 10 == 9:
                for report in self._feedback.poll(self.rig.clock.now_us(), 1):
                    self.peer.send(report)

    def _arrived(self, number: int) -> None:
        """Packets that were sent within the last step came in it, one after the other."""
        self._feedback.on_packet(number, self.rig.clock.now_us())


@pytest.fixture
def receiver(rig: Rig) -> Receiver:
    return Receiver(rig)


def _set_max(peer: Peer, bitrate_bps: int) -> None:
    peer.transport.set_max_outgoing_bitrate(SetBitrateRequest(bitrate=bitrate_bps))


def _set_min(peer: Peer, bitrate_bps: int) -> None:
    peer.transport.set_min_outgoing_bitrate(SetBitrateRequest(bitrate=bitrate_bps))


def _trace(peer: Peer, *types: str) -> None:
    peer.transport.enable_trace_event(EnableTraceEventRequest(types=list(types)))


# ------------------------------------------------------------ whose word counts


def test_nothing_is_estimated_without_a_receiver_that_tells(rig: Rig) -> None:
    receiver = Receiver(rig, video([], {MID_URI: 1}, 7000))
    assert receiver.stats().available_outgoing_bitrate is None
    assert not receiver.consumer.managed_by_transport


def test_audio_decides_nothing(rig: Rig) -> None:
    sender, peer = rig.connect(), rig.connect()
    rig.consume(peer, rig.produce(sender, kind="audio"))
    (stats,) = peer.transport.get_stats()
    assert stats.available_outgoing_bitrate is None


def test_first_consumer_that_qualifies_decides_for_all(rig: Rig) -> None:
    receiver = Receiver(rig, video([], {MID_URI: 1}, 7000))
    second = receiver.consume(transport_cc(7001))
    assert second.managed_by_transport
    assert receiver.consumer.managed_by_transport
    assert receiver.stats().available_outgoing_bitrate == INITIAL_BPS
    receiver.peer.send_rtcp(Remb(1, 100_000, (7000,)))
    assert receiver.stats().available_outgoing_bitrate == INITIAL_BPS


def test_extension_without_the_feedback_does_not_count(rig: Rig) -> None:
    receiver = Receiver(rig, video(["goog-remb"], {TRANSPORT_WIDE_CC_URI: 5, ABS_SEND_TIME_URI: 4}, 7000))
    receiver.peer.send_rtcp(Remb(1, 300_000, (7000,)))
    assert receiver.stats().available_outgoing_bitrate == pytest.approx(300_000, rel=0.01)


def test_nothing_is_available_before_the_transport_is_connected(rig: Rig) -> None:
    producer = rig.produce(rig.connect())
    peer = rig.prepare()
    rig.consume(peer, producer, rtpParameters=transport_cc(7000))
    (stats,) = peer.transport.get_stats()
    assert stats.available_outgoing_bitrate == 0
    peer.connect()
    (stats,) = peer.transport.get_stats()
    assert stats.available_outgoing_bitrate == INITIAL_BPS


# ------------------------------------------------------------ the estimate


def test_estimate_rises_by_probing_when_more_is_desired(receiver: Receiver) -> None:
    receiver.watch(6_000, 1_000_000)
    assert receiver.stats().available_outgoing_bitrate >= 1_000_000
    assert receiver.probation
    assert receiver.stats().probation_bytes_sent > 0
    assert receiver.stats().rtp_packet_loss_sent == 0.0


def test_probing_stops_when_nobody_wants_video(receiver: Receiver) -> None:
    receiver.watch(500)
    receiver.consumer.pause()
    receiver.watch(100)
    receiver.probation.clear()
    receiver.watch(12_000)
    assert receiver.probation == []


def test_remb_is_heeded_within_the_limits(rig: Rig) -> None:
    receiver = Receiver(rig, remb(7000))
    receiver.watch(1_100, 1_000_000)
    receiver.peer.send_rtcp(Remb(1, 300_000, (7000,)))
    assert receiver.stats().available_outgoing_bitrate == pytest.approx(300_000, rel=0.01)
    receiver.peer.send_rtcp(Remb(1, 50_000_000, (7000,)))
    receiver.watch(3_000, 1_000_000)
    assert 1_000_000 <= receiver.stats().available_outgoing_bitrate <= 1_500_000
    receiver.peer.send_rtcp(Remb(1, 1_000, (7000,)))
    assert receiver.stats().available_outgoing_bitrate == 30_000


def test_a_receiver_that_contradicts_itself_in_every_packet_costs_ten_distributions_a_second(rig: Rig) -> None:
    receiver = Receiver(rig, remb(7000))
    receiver.watch(1_100, 1_000_000)
    _trace(receiver.peer, "bwe")
    for _ in range(20):
        receiver.peer.send_rtcp(*[Remb(1, bitrate_bps, (7000,)) for bitrate_bps in (500_000, 30_000)] * 20)
        receiver.watch(50, 1_000_000)
    receiver.peer.send_rtcp(Remb(1, 500_000, (7000,)))
    receiver.watch(100, 1_000_000)
    traces = rig.notifier.take(receiver.peer.transport.id, "trace")
    assert len(traces) <= 12
    assert traces[-1]["info"]["availableBitrate"] == pytest.approx(500_000, rel=0.01)


def test_a_sharp_fall_right_after_another_is_heeded_100_ms_later_though_nothing_comes(rig: Rig) -> None:
    receiver = Receiver(rig, remb(7000))
    receiver.watch(1_100, 1_000_000)
    _trace(receiver.peer, "bwe")
    for bitrate_bps in (300_000, 50_000):
        receiver.peer.send_rtcp(Remb(1, bitrate_bps, (7000,)))
        rig.clock.advance(20)
    told = rig.notifier.take(receiver.peer.transport.id, "trace")
    assert [one["info"]["availableBitrate"] for one in told] == [pytest.approx(300_000, rel=0.01)]
    rig.clock.advance(80)
    told = rig.notifier.take(receiver.peer.transport.id, "trace")
    assert [one["info"]["availableBitrate"] for one in told] == [pytest.approx(50_000, rel=0.01)]


def test_malformed_and_foreign_feedback_changes_nothing(receiver: Receiver) -> None:
    receiver.watch(300)
    before = receiver.stats().available_outgoing_bitrate
    receiver.peer.send(bytes.fromhex("8fcd0004 00000001 00000002 00010009 00000109 2003"))
    receiver.peer.send(bytes.fromhex("8fcd0005 00000001 00000002 7001000a 00000109 200a0000"))
    assert receiver.stats().available_outgoing_bitrate == before


# ------------------------------------------------------------ limits


def test_upper_limit_takes_effect_at_once_and_is_lifted(receiver: Receiver) -> None:
    _set_max(receiver.peer, 200_000)
    assert receiver.stats().available_outgoing_bitrate == 200_000
    receiver.watch(3_000)
    assert receiver.stats().available_outgoing_bitrate == 200_000
    _set_max(receiver.peer, 0)
    receiver.watch(6_000)
    assert receiver.stats().available_outgoing_bitrate > 600_000


def test_lower_limit_takes_effect_at_once(receiver: Receiver) -> None:
    _set_min(receiver.peer, 900_000)
    assert receiver.stats().available_outgoing_bitrate == 900_000


def test_limits_set_before_the_first_consumer_count(rig: Rig) -> None:
    producer = rig.produce(rig.connect())
    peer = rig.connect()
    _set_max(peer, 100_000)
    rig.consume(peer, producer, rtpParameters=transport_cc(7000))
    (stats,) = peer.transport.get_stats()
    assert stats.available_outgoing_bitrate == 100_000


def test_contradicting_limits_are_refused(receiver: Receiver) -> None:
    _set_max(receiver.peer, 500_000)
    with pytest.raises(BodyError, match="current max outgoing bitrate"):
        _set_min(receiver.peer, 600_000)
    with pytest.raises(BodyError, match="bitrate must be >= 30000"):
        _set_max(receiver.peer, 10_000)


# ------------------------------------------------------------ traces


def test_bwe_is_traced_once_a_second(receiver: Receiver, rig: Rig) -> None:
    _trace(receiver.peer, "bwe")
    receiver.watch(5_000, 400_000)
    traces = rig.notifier.take(receiver.peer.transport.id, "trace")
    assert len(traces) == 5
    assert {trace["type"] for trace in traces} == {"bwe"}
    assert {trace["direction"] for trace in traces} == {"out"}
    info = traces[-1]["info"]
    assert info.pop("desiredBitrate") == pytest.approx(400_000, rel=0.1)
    assert info.pop("effectiveDesiredBitrate") == pytest.approx(400_000, rel=0.1)
    assert 500_000 <= info.pop("availableBitrate") <= INITIAL_BPS
    assert 500_000 <= info.pop("startBitrate") <= INITIAL_BPS
    assert info == {
        "minBitrate": 30_000,
        "maxBitrate": INITIAL_BPS,
        "maxPaddingBitrate": 510_000,
        "type": "transport-cc",
    }


def test_sharp_fall_is_traced_at_once(rig: Rig) -> None:
    receiver = Receiver(rig, remb(7000))
    _trace(receiver.peer, "bwe")
    receiver.watch(100)
    receiver.peer.send_rtcp(Remb(1, 100_000, (7000,)))
    assert [trace["info"]["availableBitrate"] for trace in rig.notifier.take(receiver.peer.transport.id, "trace")] == [
        pytest.approx(100_000, rel=0.01)
    ]


def test_probation_is_traced_packet_by_packet(receiver: Receiver, rig: Rig) -> None:
    _trace(receiver.peer, "probation")
    receiver.watch(2_500, 1_000_000)
    traces = rig.notifier.take(receiver.peer.transport.id, "trace")
    assert {trace["type"] for trace in traces} == {"probation"}
    numbers = [trace["info"]["sequenceNumber"] for trace in traces]
    assert numbers == [packet.sequence_number for packet in receiver.probation]


# ------------------------------------------------------------ shares


def test_desired_bitrate_falls_slowly_unless_forced() -> None:
    trend = DesiredTrend()
    trend.update(1_000_000, 0, force=False)
    trend.update(200_000, 1_000_000, force=False)
    assert trend.bitrate_bps == 950_000
    trend.update(200_000, 4_000_000, force=False)
    assert trend.bitrate_bps == 800_000
    trend.update(200_000, 20_000_000, force=False)
    assert trend.bitrate_bps == 200_000
    trend.update(0, 20_000_000, force=True)
    assert trend.bitrate_bps == 0


def test_who_looks_each_second_changes_nothing() -> None:
    """Without layers the data plane does; when it is traced control does."""

    def watch(*traces: str) -> list[tuple[int | None, int, int]]:
        rig = Rig()
        receiver = Receiver(rig)
        receiver.consume(transport_cc(7001))
        _trace(receiver.peer, *traces)
        seen = []
        for bitrate_bps in (300_000, 2_000_000, 2_000_000, 4_000_000, 100_000, 100_000, 2_000_000):
            receiver.watch(1_500, bitrate_bps)
            stats = receiver.stats()
            seen.append((stats.available_outgoing_bitrate, stats.probation_bytes_sent, len(receiver.probation)))
        rig.close()
        return seen

    assert watch() == watch("bwe")


def test_who_gets_all_that_it_prefers_is_left_alone_until_a_layer_stops(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, receiver = LayeredSender(rig, modes=["L1T1"] * 2), rig.connect()
    extensions = [{"uri": TRANSPORT_WIDE_CC_URI, "id": 5}]
    consumer = sender.consume(receiver, rtpParameters={**sender.receiver_parameters(), "headerExtensions": extensions})
    sender.send_frame(0, 1, key=True)
    sender.send_reports()
    sender.run(4_000, 0, 1, key=True)
    assert consumer.dump().current_spatial_layer == 1
    distributions: list[int] = []
    increase = Consumer.increase_layer

    def counted(one: Consumer, budget_bps: int, consider_loss: bool, now_us: int) -> int:
        distributions.append(budget_bps)
        return increase(one, budget_bps, consider_loss, now_us)

    monkeypatch.setattr(Consumer, "increase_layer", counted)
    sender.run(4_000, 0, 1, key=True)
    assert distributions == []
    sender.run(4_000, 0, key=True)
    assert distributions
    assert consumer.dump().current_spatial_layer == 0
