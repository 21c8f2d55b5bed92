"""What is to be reached: a limit for each figure that the benchmarks show, and whether it is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure's limit.

    Attributes:
        what: The figure, in words.
        unit: Of all numbers.
        most: The limit.
        held: Whether ``--check`` judges it already; the others are told as not held yet.
        meanwhile: What ``--check`` judges as long as it is not held, if anything.
    """

    what: str
    unit: str
    most: float
    held: bool = False
    meanwhile: float | None = None

    @property
    def judged(self) -> float | None:
        """The limit that ``--check`` judges."""
        return self.most if self.held else self.meanwhile

    def limit(self) -> str:
        """As it is told in a table."""
        return f"≤ {self.most:g}"

    def measured(self, value: float) -> str:
        """A figure of it, as it is told in a table."""
        return f"{value:.3g} {self.unit}"

    def verdict(self, value: float) -> str:
        """Whether a figure is as it should be."""
        return "held" if value <= self.most else "not yet"


GOALS: Final[Mapping[str, Goal]] = {
    "paced-cm": Goal("evenly paced, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 1.05, held=True),
    "paced-gcm": Goal("evenly paced, AEAD_AES_256_GCM, N = 100", "times the floor", 1.30, held=True),
    "bursts-cm": Goal("bursts, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 0.62, held=True),
    "bursts-gcm": Goal("bursts, AEAD_AES_256_GCM, N = 100", "times the floor", 0.70),
    "reference-paced-cm": Goal(
        "the same evenly paced, AES_CM_128_HMAC_SHA1_80", "times mediasoup-worker", 0.5, held=True
    ),
    "reference-paced-gcm": Goal("the same evenly paced, AEAD_AES_256_GCM", "times mediasoup-worker", 0.5, held=True),
    "reference-bursts-cm": Goal("the same in bursts, AES_CM_128_HMAC_SHA1_80", "times mediasoup-worker", 0.3),
    "reference-bursts-gcm": Goal("the same in bursts, AEAD_AES_256_GCM", "times mediasoup-worker", 0.3),
    "feedback-added": Goal("feedback from each of 100: added for each forwarded packet", "µs", 1.5, held=True),
    "feedback-each": Goal("feedback from each of 100: for each feedback packet", "µs", 20, held=True),
    "feedback-core": Goal("1,000 video consumers at 30 packets a second, with feedback", "of a core", 0.55, held=True),
    "lost-paced": Goal("150,000 packets a second, evenly paced, AEAD_AES_256_GCM, N = 100", "lost", 0, held=True),
    "lost-bursts": Goal("200,000 packets a second, bursts, AEAD_AES_256_GCM, N = 100", "lost", 0, held=True),
    "join": Goal("join: create, connect, ICE, DTLS, consume", "ms CPU", 1.6),
    "consume": Goal("consume", "ms CPU", 0.15),
    "stun": Goal("STUN check, evenly paced: beyond giving the datagram back", "ms CPU", 0.03, held=True),
    "close": Goal("closing a router of 500 producers with 4,500 consumers", "ms CPU", 60, held=True),
    "joins-p99": Goal("20,000 packets a second, N = 200, ten joins a second: p99", "times quiet", 1.1, meanwhile=1.5),
    "joins-max": Goal("20,000 packets a second, N = 200, ten joins a second: longest", "ms", 5, held=True),
    "idle": Goal("idle worker", "MB", 34, held=True),
    "consumer": Goal("consumer after video", "kB", 60, held=True),
    "webrtc": Goal("WebRtcTransport with consumer", "kB", 100, held=True),
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
    """A sentence for each figure beyond what is judged."""
    return [
        f"{goal.what}: {goal.measured(found[key])}, expected at most {goal.judged:g}"
        for key, goal in GOALS.items()
        if key in found and goal.judged is not None and found[key] > goal.judged
    ]
