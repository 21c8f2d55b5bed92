"""What is to be reached: a limit for each figure that the benchmarks show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.digits import three_digits


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure's limit.

    Attributes:
        what: The figure, in words.
        unit: Of all numbers.
        most: The limit, which ``--check`` judges.
    """

    what: str
    unit: str
    most: float

    def limit(self) -> str:
        """As it is told in a table."""
        return f"≤ {self.most:g}"

    def measured(self, value: float) -> str:
        """A figure of it, as it is told in a table."""
        return f"{three_digits(value)} {self.unit}"

    def verdict(self, value: float) -> str:
        """Whether a figure is as it should be."""
        return "held" if value <= self.most else "missed"


GOALS: Final[Mapping[str, Goal]] = {
    "paced-cm": Goal("evenly paced, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 1.05),
    "paced-gcm": Goal("evenly paced, AEAD_AES_256_GCM, N = 100", "times the floor", 1.30),
    "paced-cm-avx2": Goal("evenly paced, AES_CM_128_HMAC_SHA1_80, without AVX-512", "times the floor", 1.25),
    "paced-gcm-avx2": Goal("evenly paced, AEAD_AES_256_GCM, without AVX-512", "times the floor", 1.40),
    "bursts-cm": Goal("bursts, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 0.62),
    "bursts-gcm": Goal("bursts, AEAD_AES_256_GCM, N = 100", "times the floor", 0.70),
    "reference-paced-cm": Goal("the same evenly paced, AES_CM_128_HMAC_SHA1_80", "times mediasoup-worker", 0.5),
    "reference-paced-gcm": Goal("the same evenly paced, AEAD_AES_256_GCM", "times mediasoup-worker", 0.5),
    "reference-bursts-cm": Goal("the same in bursts, AES_CM_128_HMAC_SHA1_80", "times mediasoup-worker", 0.3),
    "reference-bursts-gcm": Goal("the same in bursts, AEAD_AES_256_GCM", "times mediasoup-worker", 0.3),
    "feedback-added": Goal("feedback from each of 100: added for each forwarded packet", "µs", 1.5),
    "feedback-each": Goal("feedback from each of 100: for each feedback packet", "µs", 20),
    "feedback-core": Goal("1,000 video consumers at 30 packets a second, with feedback", "of a core", 0.55),
    "lost-paced": Goal("150,000 packets a second, evenly paced, AEAD_AES_256_GCM, N = 100", "lost", 0),
    "lost-bursts": Goal("200,000 packets a second, bursts, AEAD_AES_256_GCM, N = 100", "lost", 0),
    "join": Goal("join: create, connect, ICE, DTLS, consume", "ms CPU", 1.6),
    "consume": Goal("consume", "ms CPU", 0.15),
    "stun": Goal("STUN check, evenly paced: beyond giving the datagram back", "ms CPU", 0.03),
    "close": Goal("closing a router of 500 producers with 4,500 consumers", "ms CPU", 60),
    "joins-p99": Goal("20,000 packets a second, N = 200, ten joins a second: p99", "times quiet", 1.1),
    "joins-max": Goal("20,000 packets a second, N = 200, ten joins a second: longest", "ms", 5),
    "idle": Goal("idle worker", "MB", 34),
    "consumer": Goal("consumer after video", "kB", 60),
    "webrtc": Goal("WebRtcTransport with consumer", "kB", 100),
}


def table(found: Mapping[str, float]) -> list[str]:
    """The rows of Markdown that show figures beside their goals, in the order of ``GOALS``.

    Args:
        found: Figures by the keys of ``GOALS``.
    """
    return ["| | measured | goal | |", "|---|---|---|---|"] + [
        f"| {goal.what} | {goal.measured(found[key])} | {goal.limit()} | {goal.verdict(found[key])} |"
        for key, goal in GOALS.items()
        if key in found
    ]


def failures(found: Mapping[str, float]) -> list[str]:
    """A sentence for each figure beyond its limit."""
    return [
        f"{goal.what}: {goal.measured(found[key])}, expected at most {goal.most:g}"
        for key, goal in GOALS.items()
        if key in found and found[key] > goal.most
    ]
