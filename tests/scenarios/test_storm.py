"""Seeded storms: senders with every habit and misfortune at once, and judges who know what was sent.

``STORM_SEEDS=1000:2000`` tries other seeds than those of the suite.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from miso.worker.channel.bodies.transport import CloseProducerRequest, ConsumerLayers
from miso.worker.rtc.closing import finish
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.producer.producer import Producer
from tests.scenarios.judge import Judge
from tests.scenarios.scene import Endpoint, Scene
from tests.scenarios.source import CLOCK_RATES, Layer, Source, WatchedPath
from tests.worker.rtc.parameters import MAPPED_SSRC, MID_URI, VIDEO_FEEDBACK

FIRST, _, LAST = os.environ.get("STORM_SEEDS", "0:16").partition(":")
STORM_S, CALM_S, JUDGED_S = 6.0, 5.0, 1.5
MIME_TYPES = {"vp8": "video/VP8", "h264": "video/H264", "opus": "audio/opus"}
SHIFTS_S = [-20_000, -30, -1.5, -0.5, 3.5, 30, 20_000]
LEAPS = [-30_000, -20, 30_000]  # a short one ahead is loss, to whoever sees the numbers


class Sender:
    """Who produces, and closes and produces again."""

    def __init__(self, scene: Scene, tag: int, chance: random.Random, endpoint: Endpoint, receiver: Endpoint) -> None:
        self.scene, self.tag, self.chance, self.endpoint, self.receiver = scene, tag, chance, endpoint, receiver
        self.codec = chance.choice(["vp8", "vp8", "h264", "opus"])
        self.layers = chance.choice([1, 3]) if self.codec != "opus" else 1
        # several with the same RIDs on one transport are told apart by their MIDs
        self.naming = chance.choice(["ssrc", "both"] if self.layers > 1 else ["ssrc", "mid"])
        self.judges: list[Judge] = []
        self.begin()

    def begin(self) -> None:
        """Makes producer and consumer."""
        self.source = Source(
            self.endpoint, self.tag, self.codec, self.layers, self.naming, f"m{self.tag % 10}", self.chance
        )
        self.producer = self.scene.produce(self.endpoint, kind=self.source.kind, parameters=self.source.parameters())
        self.consumer = self.scene.consume(self.receiver, self.producer, **self._consuming(self.producer))
        self.judges.append(Judge(self.receiver, self.consumer, self.source))

    def begin_again(self) -> None:
        """The same MID and RIDs, with other SSRCs and another picture."""
        self.source.stop()
        finish(self.endpoint.transport.close_producer(CloseProducerRequest(producer_id=self.producer.id)))
        self.tag += 10
        self.begin()

    def _consuming(self, producer: Producer) -> dict[str, Any]:
        name, kind = MIME_TYPES[self.codec], self.source.kind
        number = 5000 + 50 * self.tag
        codec: dict[str, Any] = {"mimeType": name, "payloadType": 100, "clockRate": CLOCK_RATES[kind]}
        encoding: dict[str, Any] = {"ssrc": number}
        if kind == "audio":
            codecs = [codec | {"channels": 2}]
        else:
            feedback = [one for one in VIDEO_FEEDBACK if one["type"] not in ("transport-cc", "goog-remb")]
            repair = {"mimeType": "video/rtx", "payloadType": 101, "clockRate": 90_000, "parameters": {"apt": 100}}
            codecs = [codec | {"rtcpFeedback": feedback}, repair]
            encoding["rtx"] = {"ssrc": number + 1}
        mapped: list[dict[str, Any]] = [{"ssrc": MAPPED_SSRC + index} for index in range(self.layers)]
        if self.layers > 1:
            encoding["scalabilityMode"] = f"S{self.layers}T1"
            mapped = [one | {"scalabilityMode": "L1T1"} for one in mapped]
        return {
            "type": "simulcast" if self.layers > 1 else "simple",
            "rtpParameters": {
                "mid": "0",
                "codecs": codecs,
                "encodings": [encoding],
                "headerExtensions": [{"uri": MID_URI, "id": 1}],
            },
            "consumableRtpEncodings": mapped,
        }


class Storm:
    """One seed's storm: what happens, and when."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.chance = random.Random(seed)
        self.path = WatchedPath(seed=seed)
        endpoint = scene.connect(self.path)
        receiver = scene.connect()
        self.senders = [Sender(scene, 1 + tag, self.chance, endpoint, receiver) for tag in range(3)]
        self.happened: list[str] = []
        self._due: list[tuple[int, Callable[[], None]]] = []
        self._loses = False

    def at(self, delay_s: float, action: Callable[[], None]) -> None:
        """Later."""
        self._due.append((self.scene.now_us + int(delay_s * 1e6), action))

    def run(self) -> list[str]:
        """The complaints of all judges."""
        kinds = [
            self.lose, self.reorder, self.repeat, self.delay, self.set_clock, self.leap, self.pad, self.mix,
            self.pause_consumer, self.pause_producer, self.mute, self.prefer, self.stop_layer, self.swallow,
            self.begin_again,
        ]  # fmt: skip
        chosen = self.chance.sample(kinds, self.chance.randrange(1, 5))
        for _ in range(self.chance.randrange(2, 9)):
            kind = self.chance.choice(chosen)
            self.at(1 + self.chance.random() * (STORM_S - 1), functools.partial(self._do, kind))
        self.scene.run(STORM_S, self._tick)
        self._calm()
        self.scene.run(CALM_S, self._tick)
        return self._judge()

    def _do(self, kind: Callable[[], str]) -> None:
        told = kind()
        self.happened.append(f"{self.scene.now_us / 1e6 % 1000:.3f} {kind.__name__} {told}")

    def _tick(self) -> None:
        now_us = self.scene.now_us
        due, self._due = [one for one in self._due if one[0] <= now_us], [one for one in self._due if one[0] > now_us]
        for _, action in due:
            action()

    def _sender(self) -> Sender:
        return self.chance.choice(self.senders)

    def _layer(self) -> Layer:
        return self.chance.choice(self._sender().source.layers)

    # ------------------------------------------------------------ what happens

    def lose(self) -> str:
        self._loses = True
        self.path.loss = self.chance.choice([0.01, 0.1, 0.3])
        self.at(self.chance.uniform(0.1, 1.5), lambda: setattr(self.path, "loss", 0.0))
        return f"{self.path.loss}"

    def reorder(self) -> str:
        self.path.reorders, self.path.jitter_ms = True, self.chance.choice([2, 10, 45, 90])
        self.at(self.chance.uniform(0.1, 2), lambda: setattr(self.path, "jitter_ms", 0.0))
        return f"{self.path.jitter_ms}"

    def repeat(self) -> str:
        self.path.duplicate = self.chance.choice([0.1, 1.0])
        self.at(self.chance.uniform(0.1, 2), lambda: setattr(self.path, "duplicate", 0.0))
        return ""

    def delay(self) -> str:
        self.path.delay_ms = self.chance.choice([0, 60, 150])
        return f"{self.path.delay_ms}"

    def set_clock(self) -> str:
        sender = self._sender()
        # pictures of H264 may be sent before those that are shown first, by up to a second: no clock set anew
        shift_s = self.chance.choice([one for one in SHIFTS_S if sender.codec != "h264" or one != -0.5])
        sender.source.has_stood |= not sender.source.flows  # nobody can tell, then
        if (
            abs(shift_s) < 10
        ):  # a report may come before the first packet with the new clock, and be taken for the old one's
            sender.source.doubt_us = max(sender.source.doubt_us, int(abs(shift_s) * 1e6))
        for layer in sender.source.layers:
            layer.timestamp_offset = (layer.timestamp_offset + int(shift_s * sender.source.clock_rate)) & 0xFFFFFFFF
        return f"{sender.tag} by {shift_s}"

    def leap(self) -> str:
        sender, step = self._sender(), self.chance.choice(LEAPS)
        for layer in sender.source.layers:
            layer.sequence_number = (layer.sequence_number + step) & 0xFFFF
        return f"{sender.tag} by {step}"

    def pad(self) -> str:
        source = self._sender().source
        source.padding = self.chance.choice([0.1, 0.9])
        return f"{source.tag}"

    def mix(self) -> str:
        source = self._sender().source
        source.foreign = self.chance.choice([0.1, 0.9])
        return f"{source.tag}"

    def pause_consumer(self) -> str:
        sender = self._sender()
        sender.consumer.pause()
        self.at(self.chance.uniform(0.05, 2), functools.partial(self._resume, sender, sender.consumer))
        return f"{sender.tag}"

    def pause_producer(self) -> str:
        sender = self._sender()
        sender.producer.pause()
        self.at(self.chance.uniform(0.05, 2), functools.partial(self._resume, sender, sender.producer))
        return f"{sender.tag}"

    def _resume(self, sender: Sender, one: Producer | Consumer) -> None:
        if one in (sender.producer, sender.consumer):  # no command reaches what has closed meanwhile
            one.resume()

    def mute(self) -> str:
        source = self._sender().source
        if source.muted:
            return f"{source.tag} already"
        source.muted = True
        stands, gone_us = self.chance.random() < 0.5, self.scene.now_us

        def go_on() -> None:
            source.muted = False
            source.has_stood |= stands
            if stands:
                stood_us = self.scene.now_us - gone_us
                # less than a second may have been waited on the way
                source.doubt_us = max(source.doubt_us, min(stood_us, 1_000_000))
                for layer in source.layers:
                    stood = stood_us * source.clock_rate // 1_000_000
                    layer.timestamp_offset = (layer.timestamp_offset - stood) & 0xFFFFFFFF

        self.at(self.chance.uniform(0.05, 3), go_on)
        return f"{source.tag} {'clock stands' if stands else ''}"

    def prefer(self) -> str:
        sender = self._sender()
        spatial = self.chance.randrange(sender.layers)
        sender.consumer.set_preferred_layers(ConsumerLayers(spatial_layer=spatial, temporal_layer=0))
        return f"{sender.tag} {spatial}"

    def stop_layer(self) -> str:
        sender = self._sender()
        layer = self.chance.choice(sender.source.layers)
        layer.enabled = False
        self.at(self.chance.uniform(0.2, 3), lambda: setattr(layer, "enabled", True))
        return f"{sender.tag} {layer.index}"

    def swallow(self) -> str:
        sender = self._sender()
        for layer in sender.source.layers:
            layer.swallow_first = layer.key_wanted = True
        self._loses = True
        return f"{sender.tag}"

    def begin_again(self) -> str:
        sender = self._sender()
        sender.begin_again()
        return f"{sender.tag}"

    # ------------------------------------------------------------ the end

    def _calm(self) -> None:
        for _, action in self._due:
            action()
        self._due.clear()
        self.path.loss = self.path.jitter_ms = self.path.duplicate = 0.0
        self.path.reorders = False
        for sender in self.senders:
            for layer in sender.source.layers:
                layer.enabled, layer.swallow_first = True, False

    def _judge(self) -> list[str]:
        complaints = []
        for sender in self.senders:
            for judge in sender.judges:
                complaints += judge.complaints
                complaints += [f"{judge.consumer.id}: {hole}" for hole in judge.holes()]
            judge, name = sender.judges[-1], sender.consumer.id
            fault = judge.is_fluent(self.scene.now_us - int(JUDGED_S * 1e6))
            if fault is not None:
                complaints.append(f"{name}: {fault}")
            elif sender.layers > 1:
                current = sender.consumer.dump().current_spatial_layer
                seen = judge.decoded[-1][1].layer
                wanted = sender.consumer.layers.preferred
                if not current == seen == (wanted.spatial_layer if wanted else None):
                    complaints.append(f"{name}: layer {seen} comes, {current} is told, {wanted} is wished")
            complaints += self._judge_stats(sender)
        return complaints

    def _judge_stats(self, sender: Sender) -> list[str]:
        complaints = []
        for stats in (*sender.producer.get_stats(), *sender.consumer.get_stats()):
            numbers = {
                key: value for key, value in msgspec.to_builtins(stats).items() if isinstance(value, int | float)
            }
            negative = {key: value for key, value in numbers.items() if value < 0}
            if negative or not 0 <= stats.score <= 10 or stats.fraction_lost > 255:
                complaints.append(f"{sender.consumer.id}: stats {negative or numbers}")
            if stats.packets_lost > 2_000 or (stats.jitter or 0) > 90_000:
                complaints.append(f"{sender.consumer.id}: lost {stats.packets_lost} jitter {stats.jitter}")
        return complaints


@pytest.mark.parametrize("seed", range(int(FIRST), int(LAST)))
def test_every_viewer_sees_what_was_sent(scene: Scene, seed: int) -> None:
    storm = Storm(scene, seed)
    complaints = storm.run()
    told = [
        f"{one.codec} {one.layers} {one.naming} {one.source.h264_keys} {one.source.sends_repairs} {one.consumer.id}"
        for one in storm.senders
    ]
    assert not complaints, "\n".join([*told, *storm.happened, *complaints[:12]])
