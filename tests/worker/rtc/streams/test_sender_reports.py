"""Sender reports tell when things were captured: by the sender's own clock where it tells it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from miso.worker.channel.bodies.transport import ConsumerLayers
from miso.worker.rtcp.ntp import compact_ntp
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from tests.worker.rtc.layered_sender import FIRST_SSRC, LayeredSender
from tests.worker.rtc.parameters import AUDIO_SSRC, VIDEO_SSRC
from tests.worker.rtc.rig import Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp

MODULO = 1 << 32
FOREIGN_CLOCK = 0x1234_5678 << 32  # what the sender's wall clock is ahead of ours
RATES = {VIDEO_SSRC: 90_000, AUDIO_SSRC: 48_000}
STEP_MS = 20


def signed(difference: int, bits: int = 32) -> int:
    return ((difference + (1 << bits - 1)) % (1 << bits)) - (1 << bits - 1)


class Sender:
    """Captures sound and pictures each 20 ms; pictures take ``video_delay_ms`` to come, reports ``report_delay_ms``."""

    def __init__(self, rig: Rig, *, video_delay_ms: int = 0, reports: bool = True) -> None:
        self.rig = rig
        self.peer = rig.connect()
        self.receiver = rig.connect()
        self.video_delay_ms = video_delay_ms
        self.report_delay_ms: Callable[[int], int] = lambda number: 0
        self.reports = reports
        self.ahead = FOREIGN_CLOCK
        self.sends = {VIDEO_SSRC: True, AUDIO_SSRC: True}
        self.stood_us = dict.fromkeys(RATES, 0)  # how long the clock of a stream has not run
        self.consumers = {
            VIDEO_SSRC: rig.consume(self.receiver, rig.produce(self.peer)),
            AUDIO_SSRC: rig.consume(self.receiver, rig.produce(self.peer, kind="audio")),
        }
        self.came: dict[int, list[tuple[int, SenderReport]]] = {VIDEO_SSRC: [], AUDIO_SSRC: []}
        self.heard: list[tuple[int, int, int]] = []  # when, SSRC of the sender, timestamp
        self._began_us = rig.clock.now_us()
        self._under_way: list[tuple[int, bytes]] = []
        self._captured = 0
        self._reported = 0

    def timestamp(self, ssrc: int, at_us: int) -> int:
        return (777 * ssrc + (at_us - self._began_us - self.stood_us[ssrc]) * RATES[ssrc] // 1_000_000) % MODULO

    def run(self, seconds: float, each: Callable[[], None] | None = None) -> None:
        for _ in range(int(seconds * 1000 / STEP_MS)):
            self._capture()
            self._report()
            now_us = self.rig.clock.now_us()
            due = [entry for entry in self._under_way if entry[0] <= now_us]
            self._under_way = [entry for entry in self._under_way if entry[0] > now_us]
            for _, packet in due:
                self.peer.send(packet)
            self.rig.clock.advance(STEP_MS)
            if each is not None:
                each()
            self._collect()

    def _capture(self) -> None:
        now_us = self.rig.clock.now_us()
        for ssrc, payload_type, delay_ms in ((VIDEO_SSRC, 96, self.video_delay_ms), (AUDIO_SSRC, 111, 0)):
            if self.sends[ssrc]:
                payload = KEY_FRAME if self._captured % 50 == 0 else DELTA_FRAME
                packet = rtp(
                    self._captured,
                    payload,
                    ssrc=ssrc,
                    payload_type=payload_type,
                    timestamp=self.timestamp(ssrc, now_us),
                )
                self._under_way.append((now_us + delay_ms * 1000, packet))
        self._captured += 1

    def _report(self) -> None:
        if not self.reports or self._captured % 50 != 30:
            return
        now_us = self.rig.clock.now_us()
        self._reported += 1
        delay_us = self.report_delay_ms(self._reported) * 1000
        ntp = (self.rig.clock.ntp_now() + self.ahead) % (1 << 64)
        for ssrc in RATES:
            report = SenderReport(ssrc, ntp, self.timestamp(ssrc, now_us), 1, 1)
            self._under_way.append((now_us + delay_us, report.to_bytes()))

    def _collect(self) -> None:
        by_ssrc = {consumer.streams[0].ssrc: ssrc for ssrc, consumer in self.consumers.items()}
        now_us = self.rig.clock.now_us()
        for packet in self.receiver.rtp():
            self.heard.append((now_us, by_ssrc[packet.ssrc], packet.timestamp))
        for report in self.receiver.rtcp(SenderReport):
            self.came[by_ssrc[report.ssrc]].append((now_us, report))

    def told_us(self, ssrc: int, at_us: int, which: int = -1) -> float:
        """When, by a report, that was captured which was captured at ``at_us``: microseconds of the report's clock."""
        report = self.came[ssrc][which][1]
        ticks = signed(self.timestamp(ssrc, at_us) - report.rtp_timestamp)
        return report.ntp / MODULO * 1e6 + ticks * 1e6 / RATES[ssrc]

    def lips_apart_ms(self, which: int = -1) -> float:
        at_us = self.rig.clock.now_us()
        return (self.told_us(VIDEO_SSRC, at_us, which) - self.told_us(AUDIO_SSRC, at_us, which)) / 1000


@pytest.mark.parametrize("ahead", [0, FOREIGN_CLOCK, (1 << 64) - FOREIGN_CLOCK])
@pytest.mark.parametrize("delay_ms", [0, 100, 400, 1500])
def test_pictures_that_come_late_are_told_with_the_sound_of_their_time(rig: Rig, delay_ms: int, ahead: int) -> None:
    sender = Sender(rig, video_delay_ms=delay_ms)
    sender.ahead = ahead
    sender.run(15)
    assert sender.lips_apart_ms() == pytest.approx(0, abs=2)


def test_reports_that_waited_on_the_way_do_not_part_picture_and_sound(rig: Rig) -> None:
    sender = Sender(rig, video_delay_ms=400)
    sender.report_delay_ms = lambda number: (0, 300, 80, 500, 20)[number % 5]
    sender.run(20)
    assert sender.lips_apart_ms() == pytest.approx(0, abs=2)
    times = [sender.told_us(VIDEO_SSRC, 0, which) for which in range(-8, 0)]
    assert max(times) - min(times) < 25_000


@pytest.mark.parametrize("step_s", [-3600, -20, 20, 3600])
def test_a_sender_that_sets_its_wall_clock_is_followed(rig: Rig, step_s: int) -> None:
    sender = Sender(rig, video_delay_ms=400)
    sender.run(10)
    before = sender.told_us(VIDEO_SSRC, 0)
    sender.ahead += step_s << 32
    sender.run(10)
    assert sender.lips_apart_ms() == pytest.approx(0, abs=2)
    assert sender.told_us(VIDEO_SSRC, 0) == pytest.approx(before, abs=25_000)


def test_without_the_senders_reports_time_is_that_of_arrival(rig: Rig) -> None:
    sender = Sender(rig, video_delay_ms=400, reports=False)
    sender.run(10)
    assert sender.lips_apart_ms() == pytest.approx(400, abs=25)


def test_reports_that_make_no_sense_are_not_believed(rig: Rig) -> None:
    sender = Sender(rig, reports=False)
    for index in range(20):
        sender.run(0.5)
        for ssrc in RATES:
            report = SenderReport(ssrc, 1 << 40, (index * 0x1234_5678 + ssrc) % MODULO, 1, 1)
            sender.peer.send_rtcp(report)
    for ssrc, rate in RATES.items():
        at_us, report = sender.came[ssrc][-1]
        assert signed(report.rtp_timestamp - sender.timestamp(ssrc, at_us)) == pytest.approx(0, abs=rate * 25 // 1000)


def test_the_round_trip_stays_that_of_the_path(rig: Rig) -> None:
    sender = Sender(rig, video_delay_ms=400)
    sender.run(5)
    at_us, report = sender.came[VIDEO_SSRC][-1]
    rig.clock.advance(200)
    away = (rig.clock.now_us() - at_us + STEP_MS * 1000) / 1000
    consumer = sender.consumers[VIDEO_SSRC]
    block = ReportBlock(consumer.streams[0].ssrc, 0, 0, 10, 0, compact_ntp(report.ntp), 0)
    sender.receiver.send_rtcp(ReceiverReport(1, (block,)))
    assert consumer.get_stats()[0].round_trip_time == pytest.approx(away, abs=STEP_MS + 1)


def is_true_to_what_was_sent(sender: Sender, ssrc: int, tolerance_ms: int = 50) -> bool:
    """Whether every report puts the packets around it where they were."""
    rate = RATES[ssrc]
    for at_us, report in sender.came[ssrc]:
        for heard_us, heard_ssrc, timestamp in sender.heard:
            if heard_ssrc == ssrc and abs(heard_us - at_us) < 12_000_000:
                expected = report.rtp_timestamp + (heard_us - at_us) * rate // 1_000_000
                if abs(signed(timestamp - expected)) > rate * tolerance_ms // 1000:
                    return False
    return True


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("seconds", [3, 12])
@pytest.mark.parametrize("by", ["sender", "producer", "consumer"])
def test_nothing_is_told_of_a_mute_whose_clock_stands_still(rig: Rig, by: str, seconds: int, reports: bool) -> None:
    sender = Sender(rig, reports=reports)
    sender.run(8)
    sender.reports = False  # nobody hears of a stream that is not sent
    consumer = sender.consumers[AUDIO_SSRC]
    pause = {"producer": consumer.producer.pause, "consumer": consumer.pause}.get(by, lambda: None)
    resume = {"producer": consumer.producer.resume, "consumer": consumer.resume}.get(by, lambda: None)
    pause()
    sender.sends[AUDIO_SSRC] = False
    before = len(sender.came[AUDIO_SSRC])
    muted_us = rig.clock.now_us()
    sender.run(2)
    told = [at_us for at_us, _ in sender.came[AUDIO_SSRC][before:] if at_us > muted_us + 1_100_000]
    sender.run(seconds - 2)
    told += [at_us for at_us, _ in sender.came[AUDIO_SSRC][before:] if at_us > muted_us + 1_100_000]
    assert told == []
    stood_us = rig.clock.now_us() - muted_us
    sender.stood_us[AUDIO_SSRC] = stood_us
    sender.reports = reports
    resume()
    sender.sends[AUDIO_SSRC] = True
    resumed = len(sender.came[AUDIO_SSRC])
    sender.run(15)
    sender.came[AUDIO_SSRC] = sender.came[AUDIO_SSRC][resumed:]
    sender.heard = [entry for entry in sender.heard if entry[0] > muted_us + stood_us]
    assert len(sender.came[AUDIO_SSRC]) >= 2
    assert is_true_to_what_was_sent(sender, AUDIO_SSRC)


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("back_s", [-3600, -30, -5, 0.5, 30, 3600])
def test_reports_follow_a_source_that_sets_its_media_clock(rig: Rig, back_s: float, reports: bool) -> None:
    sender = Sender(rig, reports=reports)
    for _ in range(3):
        sender.run(6)
        for ssrc in RATES:
            sender.stood_us[ssrc] += int(back_s * 1_000_000)
    sender.run(8)
    for ssrc in RATES:
        assert is_true_to_what_was_sent(sender, ssrc)


def test_a_camera_of_one_picture_in_three_seconds_is_told_of(rig: Rig) -> None:
    peer, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(peer))
    for number in range(10):
        now_us = rig.clock.now_us()
        peer.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, timestamp=now_us * 9 // 100 % MODULO))
        peer.send_rtcp(SenderReport(VIDEO_SSRC, rig.clock.ntp_now(), now_us * 9 // 100 % MODULO, 1, 1))
        rig.clock.advance(3000)
    assert len(receiver.rtcp(SenderReport)) >= 9


def test_layers_that_come_late_are_told_of_as_those_that_do_not(rig: Rig) -> None:
    sender = LayeredSender(rig, modes=["L1T1", "L1T1"])
    receiver = rig.connect()
    sender.run(400, 0, 1)
    sender.send_reports()
    consumer = sender.consume(receiver)
    offsets = []
    for spatial in (0, 1, 0, 1):
        consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=0))
        for _ in range(4):
            sender.send_frame(0, 1, key=True)
            sender.run(960, 0, 1)
            sender.send_reports()
        reports = receiver.rtcp(SenderReport)
        offsets += [
            signed(
                report.rtp_timestamp
                - (report.ntp - rig.clock.ntp_now()) * 90_000 // MODULO
                - sender.timestamp(sender.streams[0])
            )
            for report in reports[-2:]
        ]
    assert max(offsets) - min(offsets) < 90 * 90  # what a switch may add, at most
    assert {report.ssrc for report in reports} == {consumer.streams[0].ssrc}
    assert FIRST_SSRC not in {report.ssrc for report in reports}
