"""Audio levels and the dominant speaker, from packets to events."""

from __future__ import annotations

import pytest

from miso.worker.channel.bodies.router import CreateActiveSpeakerObserverRequest, CreateAudioLevelObserverRequest
from miso.worker.channel.bodies.rtp_observer import ObservedProducerRequest
from miso.worker.errors import BodyError, CommandError
from miso.worker.rtc.observers.active_speaker_observer import ActiveSpeakerObserver
from miso.worker.rtc.observers.audio_level_observer import AudioLevelObserver
from miso.worker.rtc.producer.producer import Producer
from tests.worker.rtc.parameters import AUDIO_SSRC, audio_parameters
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import rtp


class Voice:
    """A peer that sends a packet of some loudness every 20 ms."""

    def __init__(self, rig: Rig) -> None:
        self.peer: Peer = rig.connect()
        self.producer: Producer = rig.produce(self.peer, kind="audio", parameters=audio_parameters())
        self._number = 0

    def say(self, level: int) -> None:
        self._number += 1
        extensions = {8: bytes((0x80 | level,))}
        self.peer.send(rtp(self._number, b"x", ssrc=AUDIO_SSRC, payload_type=111, extensions=extensions))

    @property
    def request(self) -> ObservedProducerRequest:
        return ObservedProducerRequest(producer_id=self.producer.id)


def talk(rig: Rig, milliseconds: int, levels: dict[Voice, int]) -> None:
    """Everybody says a packet of this level every 20 ms; SPEECH stands for words with short pauses."""
    for frame in range(milliseconds // 20):
        for voice, level in levels.items():
            voice.say(level if level != SPEECH else 20 if frame % 10 < 8 else 80)
        rig.clock.advance(20)


SPEECH = -1
SILENT = 127


def level_observer(rig: Rig, max_entries: int = 8, threshold: int = -60) -> AudioLevelObserver:
    body = CreateAudioLevelObserverRequest(
        rtp_observer_id="levels", max_entries=max_entries, threshold=threshold, interval=500
    )
    return AudioLevelObserver(rig.context, rig.tables, "levels", body)


def speaker_observer(rig: Rig) -> ActiveSpeakerObserver:
    body = CreateActiveSpeakerObserverRequest(rtp_observer_id="speaker", interval=300)
    return ActiveSpeakerObserver(rig.context, rig.tables, "speaker", body)


def test_volumes_of_the_loudest_then_silence_once(rig: Rig) -> None:
    loud, soft, quiet = Voice(rig), Voice(rig), Voice(rig)
    observer = level_observer(rig, max_entries=2)
    for voice in (soft, loud, quiet):
        observer.add_producer(voice.request)
    talk(rig, 520, {loud: 20, soft: 40, quiet: 50})
    volumes = rig.notifier.take("levels", "volumes")
    assert volumes == [
        [{"producerId": loud.producer.id, "volume": -20}, {"producerId": soft.producer.id, "volume": -40}]
    ]
    talk(rig, 2000, {loud: 90, soft: 127})
    assert rig.notifier.take("levels", "volumes") == []
    assert rig.notifier.take("levels", "silence") == [None]


def test_two_observers_hear_the_same_packets(rig: Rig) -> None:
    voice = Voice(rig)
    levels, speaker = level_observer(rig), speaker_observer(rig)
    levels.add_producer(voice.request)
    speaker.add_producer(voice.request)
    talk(rig, 1020, {voice: 30})
    assert [entry[0]["volume"] for entry in rig.notifier.take("levels", "volumes")] == [-30, -30]
    assert rig.notifier.take("speaker", "dominantspeaker") == [{"producerId": voice.producer.id}]


def test_paused_observer_says_silence_and_forgets_what_it_missed(rig: Rig) -> None:
    voice = Voice(rig)
    observer = level_observer(rig)
    observer.add_producer(voice.request)
    talk(rig, 520, {voice: 30})
    observer.pause()
    assert rig.notifier.take("levels", "silence") == [None]
    rig.notifier.take("levels", "volumes")
    talk(rig, 1000, {voice: 10})
    observer.resume()
    talk(rig, 600, {voice: 50})
    assert [entry[0]["volume"] for entry in rig.notifier.take("levels", "volumes")] == [-50]


def test_paused_producer_is_silent(rig: Rig) -> None:
    voice = Voice(rig)
    observer = level_observer(rig)
    observer.add_producer(voice.request)
    talk(rig, 520, {voice: 30})
    voice.producer.pause()
    talk(rig, 520, {voice: 30})
    assert rig.notifier.take("levels", "silence") == [None]


def test_observer_without_producers_does_not_wake_the_worker(rig: Rig) -> None:
    voice = Voice(rig)
    before = rig.clock.waiting
    observer = level_observer(rig)
    assert rig.clock.waiting == before
    observer.add_producer(voice.request)
    assert rig.clock.waiting == before + 1
    observer.remove_producer(voice.request)
    assert rig.clock.waiting == before


def test_observers_and_producers_leave_each_other(rig: Rig) -> None:
    voice, other = Voice(rig), Voice(rig)
    observer = level_observer(rig)
    observer.add_producer(voice.request)
    observer.add_producer(other.request)
    assert rig.tables.observer_ids_by_producer() == {voice.producer.id: ["levels"], other.producer.id: ["levels"]}
    voice.producer.close()
    observer.close()
    observer.close()
    assert rig.tables.observer_ids_by_producer() == {other.producer.id: []}
    assert rig.tables.observers == {}


def test_only_audio_producers_of_the_router_can_be_observed(rig: Rig) -> None:
    observer = level_observer(rig)
    video = rig.produce(rig.connect())
    with pytest.raises(BodyError):
        observer.add_producer(ObservedProducerRequest(producer_id=video.id))
    with pytest.raises(CommandError):
        observer.add_producer(ObservedProducerRequest(producer_id="nobody"))


def test_the_floor_goes_to_who_speaks_and_not_to_a_cough(rig: Rig) -> None:
    first, second = Voice(rig), Voice(rig)
    observer = speaker_observer(rig)
    observer.add_producer(first.request)
    observer.add_producer(second.request)
    talk(rig, 1500, {first: SPEECH, second: SILENT})
    assert rig.notifier.take("speaker", "dominantspeaker") == [{"producerId": first.producer.id}]
    talk(rig, 100, {first: SPEECH, second: 5})
    talk(rig, 1500, {first: SPEECH, second: SILENT})
    assert rig.notifier.take("speaker", "dominantspeaker") == []
    talk(rig, 3000, {first: SILENT, second: SPEECH})
    assert rig.notifier.take("speaker", "dominantspeaker") == [{"producerId": second.producer.id}]


def test_when_the_dominant_speaker_leaves_another_one_follows_at_once(rig: Rig) -> None:
    first, second = Voice(rig), Voice(rig)
    observer = speaker_observer(rig)
    observer.add_producer(first.request)
    observer.add_producer(second.request)
    talk(rig, 1500, {first: SPEECH, second: SILENT})
    rig.notifier.take("speaker", "dominantspeaker")
    first.producer.close()
    assert rig.notifier.take("speaker", "dominantspeaker") == [{"producerId": second.producer.id}]


def test_a_paused_producer_cannot_take_the_floor(rig: Rig) -> None:
    first, second, third = Voice(rig), Voice(rig), Voice(rig)
    observer = speaker_observer(rig)
    for voice in (first, second, third):
        observer.add_producer(voice.request)
    talk(rig, 900, {first: SPEECH, second: SILENT, third: SILENT})
    rig.notifier.take("speaker", "dominantspeaker")
    second.producer.pause()
    talk(rig, 3000, {first: SILENT, second: SPEECH, third: SPEECH})
    assert rig.notifier.take("speaker", "dominantspeaker") == [{"producerId": third.producer.id}]
