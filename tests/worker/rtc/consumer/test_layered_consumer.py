"""Consumers of simulcast and SVC producers where nobody limits the bandwidth: they get what their receiver prefers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.errors import BodyError
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtcp.feedback import Pli
from tests.worker.rtc.layered_sender import FIRST_SSRC, LayeredSender
from tests.worker.rtc.rig import Peer, Rig

HIGHEST = {"spatialLayer": 2, "temporalLayer": 2}


@pytest.fixture
def sender(rig: Rig) -> LayeredSender:
    """VP8 in three encodings."""
    return LayeredSender(rig, modes=["L1T3"] * 3)


@pytest.fixture
def receiver(rig: Rig) -> Peer:
    return rig.connect()


def start(sender: LayeredSender) -> None:
    """All encodings with a key frame, comparable with each other; then key frames, so that consumers can switch."""
    layers = range(len(sender.modes))
    sender.send_frame(*layers, key=True)
    sender.send_reports()
    sender.run(400, *layers, key=True)


def prefer(consumer: Consumer, spatial: int, temporal: int | None = None) -> ConsumerLayers | None:
    return consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=temporal))


def layers_told(rig: Rig, consumer: Consumer) -> list[Any]:
    return rig.notifier.take(consumer.id, "layerschange")


def asked_of(sender: LayeredSender) -> list[int]:
    """Of which encodings key frames were asked since the last call."""
    return sorted({pli.media_ssrc - FIRST_SSRC for pli in sender.peer.rtcp(Pli)})


class TestSimulcast:
    def test_is_given_the_highest_layers_by_default(self, sender: LayeredSender, receiver: Peer) -> None:
        dump = sender.consume(receiver).dump()
        assert (dump.type, dump.preferred_spatial_layer, dump.preferred_temporal_layer) == ("simulcast", 2, 2)
        assert (dump.target_spatial_layer, dump.current_spatial_layer) == (-1, -1)
        assert (dump.target_temporal_layer, dump.current_temporal_layer) == (-1, -1)
        assert dump.rtp_stream is not None
        assert (dump.rtp_stream.params.spatial_layers, dump.rtp_stream.params.temporal_layers) == (3, 3)

    def test_climbs_to_the_preferred_layers(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        told = layers_told(rig, consumer)
        assert told[0]["spatialLayer"] == 0
        assert told[-1]["spatialLayer"] == 2
        dump = consumer.dump()
        assert (dump.target_spatial_layer, dump.current_spatial_layer) == (2, 2)

    def test_stays_with_its_first_layer_while_timestamps_cannot_be_compared(
        self, rig: Rig, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver)
        sender.run(1000, 0, 1, 2, key=True)
        assert consumer.dump().current_spatial_layer == 0
        sender.send_reports()
        sender.run(200, 0, 1, 2, key=True)
        assert consumer.dump().current_spatial_layer == 2

    def test_switches_at_a_key_frame_that_it_asked_for(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 0})
        start(sender)
        sender.run(2000, 0, 1, 2)
        asked_of(sender)
        assert prefer(consumer, 1, 0) == ConsumerLayers(spatial_layer=1, temporal_layer=0)
        assert asked_of(sender) == [1]
        layers_told(rig, consumer)
        sender.run(200, 0, 1, 2)
        assert consumer.dump().current_spatial_layer == 0
        sender.send_frame(0, 1, 2, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 1, "temporalLayer": 0}]

    def test_keeps_asking_for_the_key_frame_of_the_wanted_layer_only(
        self, rig: Rig, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 0})
        start(sender)
        sender.run(2000, 0, 1, 2)
        prefer(consumer, 2)
        asked_of(sender)
        sender.run(1200, 0, 1, 2)
        assert asked_of(sender) == [2]

    @pytest.mark.parametrize(
        ("wish", "answer"), [((1, 1), (1, 1)), ((7, 1), (2, 1)), ((0, 99), (0, 2)), ((1, None), (1, 2))]
    )
    def test_answers_what_a_wish_means(
        self, sender: LayeredSender, receiver: Peer, wish: tuple[int, int | None], answer: tuple[int, int]
    ) -> None:
        consumer = sender.consume(receiver)
        assert prefer(consumer, *wish) == ConsumerLayers(spatial_layer=answer[0], temporal_layer=answer[1])

    def test_a_layer_that_stops_is_left_within_a_second(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        sender.run(2000, 0, 1, 2)
        receiver.rtp()
        layers_told(rig, consumer)
        sender.run(920, 0, 1, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 1, "temporalLayer": 0}]
        assert sender.producer.scores == [10, 10, 0]
        assert len(receiver.rtp()) > 0

    def test_goes_up_again_when_it_returns(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        sender.run(2000, 0, 1, key=True)
        layers_told(rig, consumer)
        sender.run(400, 0, 1, 2, key=True)
        assert layers_told(rig, consumer)[-1]["spatialLayer"] == 2

    def test_nothing_is_current_when_all_has_stopped(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        layers_told(rig, consumer)
        rig.clock.advance(3000)
        assert layers_told(rig, consumer) == [None]
        start(sender)
        assert layers_told(rig, consumer)[-1]["spatialLayer"] == 2

    def test_a_pause_ends_the_layers_and_resuming_begins_them_anew(
        self, rig: Rig, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        rig.clock.advance(1000)
        layers_told(rig, consumer)
        asked_of(sender)
        consumer.pause()
        assert layers_told(rig, consumer) == [None]
        sender.run(400, 0, 1, 2, key=True)
        receiver.rtp()
        consumer.resume()
        assert asked_of(sender) == [2]
        sender.run(200, 0, 1, 2)
        assert receiver.rtp() == []
        sender.send_frame(0, 1, 2, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 2, "temporalLayer": 0}]
        assert len(receiver.rtp()) == 1

    def test_created_paused_it_forwards_nothing(self, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, paused=True)
        start(sender)
        assert receiver.rtp() == []
        consumer.resume()
        sender.send_frame(0, 1, 2, key=True)
        assert len(receiver.rtp()) == 1

    def test_what_it_sends_is_one_stream(self, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 0})
        start(sender)
        prefer(consumer, 2)
        sender.run(400, 0, 1, 2, key=True)
        prefer(consumer, 1)
        sender.run(400, 0, 1, 2, key=True)
        packets = receiver.rtp()
        numbers = [packet.sequence_number for packet in packets]
        gaps = [(after - before) & 0xFFFF for before, after in itertools.pairwise(numbers)]
        assert {packet.ssrc for packet in packets} == {7000}
        assert set(gaps) == {1}
        steps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(packets)]
        assert all(0 < step < 90 * 200 for step in steps)

    def test_a_lost_picture_is_asked_for_where_it_comes_from(
        self, rig: Rig, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 1})
        start(sender)
        rig.clock.advance(2000)
        start(sender)
        rig.clock.advance(1100)
        asked_of(sender)
        consumer.set_preferred_layers(ConsumerLayers(spatial_layer=2))
        assert asked_of(sender) == [2]
        receiver.send_rtcp(Pli(1, 7000))
        assert asked_of(sender) == [1]

    def test_the_command_asks_for_the_current_and_the_wanted_layer(
        self, rig: Rig, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 0})
        start(sender)
        prefer(consumer, 1)
        rig.clock.advance(1400)
        sender.run(120, 0, 1, 2)
        asked_of(sender)
        rig.clock.advance(1200)
        consumer.request_key_frame()
        assert asked_of(sender) == [0, 1]

    def test_scores_are_of_the_current_layer(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        assert rig.notifier.take(consumer.id, "score")[-1] == {
            "score": 10,
            "producerScore": 10,
            "producerScores": [10, 10, 10],
        }
        consumer.pause()
        prefer(consumer, 1)
        sender.run(1000, 0, 1, key=True)
        assert rig.notifier.take(consumer.id, "score")[-1] == {
            "score": 10,
            "producerScore": 0,
            "producerScores": [10, 10, 0],
        }

    def test_statistics_are_its_own_and_the_current_layers(self, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, preferredLayers={"spatialLayer": 1})
        assert [stats.type for stats in consumer.get_stats()] == ["outbound-rtp"]
        start(sender)
        sent, received = consumer.get_stats()
        assert (sent.ssrc, received.ssrc) == (7000, FIRST_SSRC + 1)
        assert received.bitrate_by_layer is not None
        assert set(received.bitrate_by_layer) == {"0.0", "0.1", "0.2"}

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"consumableRtpEncodings": [{"ssrc": 9000}]}, "does not match number of consumableRtpEncodings"),
            ({"type": "svc", "consumableRtpEncodings": [{"ssrc": 9000}]}, "VP8 codec not supported for svc"),
            ({"type": "simple"}, "invalid consumableRtpEncodings with size != 1"),
        ],
    )
    def test_what_does_not_fit_together_is_refused(
        self, sender: LayeredSender, receiver: Peer, changes: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(BodyError, match=reason):
            sender.consume(receiver, **changes)


class TestTemporalLayers:
    def test_those_above_the_preferred_are_left_out(self, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        receiver.rtp()
        assert prefer(consumer, 2, 1) is not None
        for temporal in (0, 2, 1, 2) * 5:
            sender.send_frame(0, 1, 2, temporal=temporal)
        assert len(receiver.rtp()) == 10

    def test_the_current_one_is_told(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver)
        start(sender)
        layers_told(rig, consumer)
        for temporal in (0, 2, 1, 2):
            sender.send_frame(0, 1, 2, temporal=temporal)
        assert layers_told(rig, consumer)[-1] == HIGHEST
        prefer(consumer, 2, 0)
        for temporal in (0, 2, 1, 2):
            sender.send_frame(0, 1, 2, temporal=temporal)
        assert layers_told(rig, consumer) == [{"spatialLayer": 2, "temporalLayer": 0}]


class TestWhereBandwidthIsManaged:
    """The estimate is far above what the layers need: they come one after the other, and all the same rules hold."""

    def test_climbs_to_the_preferred_layers(self, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, rtpParameters=sender.receiver_parameters(remb=True))
        start(sender)
        sender.run(4000, 0, 1, 2, key=True)
        assert consumer.managed_by_transport
        assert consumer.dump().current_spatial_layer == 2

    def test_a_layer_that_stops_is_left_within_a_second_and_taken_again_after_two(
        self, sender: LayeredSender, receiver: Peer
    ) -> None:
        consumer = sender.consume(receiver, rtpParameters=sender.receiver_parameters(remb=True))
        start(sender)
        sender.run(4000, 0, 1, 2, key=True)
        sender.run(920, 0, 1, key=True)
        assert consumer.dump().current_spatial_layer == 1
        sender.run(2000, 0, 1, key=True)
        assert consumer.dump().current_spatial_layer == 1
        sender.run(1800, 0, 1, 2, key=True)
        assert consumer.dump().current_spatial_layer == 1
        sender.run(2000, 0, 1, 2, key=True)
        assert consumer.dump().current_spatial_layer == 2

    def test_wishes_and_pauses_are_heeded_at_once(self, rig: Rig, sender: LayeredSender, receiver: Peer) -> None:
        consumer = sender.consume(receiver, rtpParameters=sender.receiver_parameters(remb=True))
        start(sender)
        sender.run(4000, 0, 1, 2, key=True)
        layers_told(rig, consumer)
        prefer(consumer, 0)
        sender.send_frame(0, 1, 2, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 0, "temporalLayer": 0}]
        consumer.pause()
        assert layers_told(rig, consumer) == [None]
        assert consumer.bitrate_priority() == 0
        consumer.resume()
        sender.send_frame(0, 1, 2, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 0, "temporalLayer": 0}]
        assert consumer.bitrate_priority() == 1


@pytest.fixture
def svc(rig: Rig) -> LayeredSender:
    """VP9 in one stream, its spatial layers independent of each other but for key frames."""
    return LayeredSender(rig, codec="VP9", modes=["L3T3_KEY"])


def start_svc(sender: LayeredSender) -> None:
    sender.send_frame(0, 1, 2, key=True)
    sender.run(400, 0, 1, 2)


class TestSvc:
    def test_is_given_the_highest_layers_by_default(self, rig: Rig, svc: LayeredSender, receiver: Peer) -> None:
        consumer = svc.consume(receiver)
        start_svc(svc)
        assert layers_told(rig, consumer)[-1]["spatialLayer"] == 2
        dump = consumer.dump()
        assert (dump.type, dump.target_spatial_layer, dump.current_spatial_layer) == ("svc", 2, 2)

    def test_another_layer_begins_at_a_key_frame_that_it_asked_for(
        self, rig: Rig, svc: LayeredSender, receiver: Peer
    ) -> None:
        consumer = svc.consume(receiver)
        start_svc(svc)
        rig.clock.advance(1000)
        asked_of(svc)
        layers_told(rig, consumer)
        prefer(consumer, 1, 0)
        assert asked_of(svc) == [0]
        svc.run(200, 0, 1, 2)
        assert layers_told(rig, consumer) == []
        svc.send_frame(0, 1, 2, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 1, "temporalLayer": 0}]

    def test_a_layer_that_stops_is_left_within_a_second(self, rig: Rig, svc: LayeredSender, receiver: Peer) -> None:
        consumer = svc.consume(receiver)
        start_svc(svc)
        svc.run(2000, 0, 1, 2)
        asked_of(svc)
        svc.run(880, 0, 1)
        assert asked_of(svc) == [0]
        layers_told(rig, consumer)
        svc.send_frame(0, 1, key=True)
        assert layers_told(rig, consumer) == [{"spatialLayer": 1, "temporalLayer": 0}]

    def test_goes_up_again_when_it_returns(self, rig: Rig, svc: LayeredSender, receiver: Peer) -> None:
        consumer = svc.consume(receiver)
        start_svc(svc)
        svc.run(1000, 0, 1, key=True)
        assert consumer.dump().current_spatial_layer == 1
        svc.run(400, 0, 1, 2, key=True)
        assert consumer.dump().current_spatial_layer == 2

    def test_statistics_and_scores_are_of_the_one_stream(self, svc: LayeredSender, receiver: Peer) -> None:
        consumer = svc.consume(receiver)
        start_svc(svc)
        consumer.pause()
        sent, received = consumer.get_stats()
        assert (sent.ssrc, received.ssrc) == (7000, FIRST_SSRC)
        assert received.bitrate_by_layer is not None
        assert len(received.bitrate_by_layer) == 9

    def test_needs_layers(self, svc: LayeredSender, receiver: Peer) -> None:
        svc.modes = ["L1T1"]
        with pytest.raises(BodyError, match="invalid number of layers"):
            svc.consume(receiver)
