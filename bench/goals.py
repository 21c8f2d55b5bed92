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
        unit: Of both numbers; empty for ratios.
        most: The limit.
        held: Whether ``--check`` judges it already; the others are told as not held yet.
    """

    what: str
    unit: str
    most: float
    held: bool = False


GOALS: Final[Mapping[str, Goal]] = {
    "paced-cm": Goal("evenly paced, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 1.05),
    "paced-gcm": Goal("evenly paced, AEAD_AES_256_GCM, N = 100", "times the floor", 1.30),
    "bursts-cm": Goal("bursts, AES_CM_128_HMAC_SHA1_80, N = 100", "times the floor", 0.62),
    "bursts-gcm": Goal("bursts, AEAD_AES_256_GCM, N = 100", "times the floor", 0.70),
    "feedback-added": Goal("feedback from each of 100: added for each forwarded packet", "µs", 1.5, held=True),
    "feedback-each": Goal("feedback from each of 100: for each feedback packet", "µs", 20, held=True),
    "feedback-core": Goal("1,000 video consumers at 30 packets a second, with feedback", "of a core", 0.55),
    "join": Goal("join: create, connect, ICE, DTLS, consume", "ms CPU", 1.6),
    "consume": Goal("consume", "ms CPU", 0.15),
    "stun": Goal("STUN check", "ms CPU", 0.03),
    "close": Goal("closing a router of 500 producers with 4,500 consumers", "ms CPU", 60, held=True),
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
    rows = ["| | measured | goal | |", "|---|---|---|---|"]
    for key, goal in GOALS.items():
        if key in found:
            unit = f" {goal.unit}" if goal.unit else ""
            word = "held" if found[key] <= goal.most else "not yet"
            rows.append(f"| {goal.what} | {found[key]:.3g}{unit} | ≤ {goal.most:g} | {word} |")
    return rows


def failures(found: Mapping[str, float]) -> list[str]:
    """A sentence for each goal that is judged and missed."""
    return [
        f"{GOALS[key].what}: {value:.3g} {GOALS[key].unit}, expected at most {GOALS[key].most:g}"
        for key, value in found.items()
        if GOALS[key].held and value > GOALS[key].most
    ]
