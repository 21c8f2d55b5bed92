"""The mutation engine of the fuzz targets: seeded, so that a finding can be had again.

Mutations are the ones that find length and bounds errors in binary protocols: flipped bits, interesting numbers written
over 1, 2 or 4 bytes, cuts, insertions, repeats, and two inputs spliced.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from miso.worker.errors import ParseError
from tests.fuzz import targets as targets_package

SLOWEST_ALLOWED_MS = 1000.0
LARGEST_INPUT_BYTES = 4096
INTERESTING = (
    0,
    1,
    2,
    3,
    4,
    0x7F,
    0x80,
    0xFE,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under test."""

    name: str
    seeds: list[bytes]
    run: Callable[[bytes], None]
    documented: tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A run that found nothing."""

    inputs: int
    accepted: int
    rejected: int
    slowest_ms: float


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that ended in something else than acceptance or the documented error."""

    data: bytes
    what: str


def target_names() -> list[str]:
    """All targets, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(targets_package.__path__))


def load_target(name: str) -> Target:
    """Raises ModuleNotFoundError for an unknown name."""
    module = importlib.import_module(f"{targets_package.__name__}.{name}")
    documented = getattr(module, "DOCUMENTED", (ParseError,))
    return Target(name, list(module.SEEDS), module.run, documented)


def mutate(random_: random.Random, seeds: list[bytes]) -> bytes:
    """A seed with one to eight mutations."""
    data = bytearray(random_.choice(seeds))
    for _ in range(random_.randint(1, 8)):
        choice = random_.randrange(7)
        position = random_.randrange(len(data) + 1)
        if choice == 0 and position < len(data):
            data[position] ^= 1 << random_.randrange(8)
        elif choice == 1 and position < len(data):
            data[position] = random_.randrange(256)
        elif choice == 2:
            size = random_.choice((1, 2, 4))
            number = random_.choice(INTERESTING) & ((1 << (8 * size)) - 1)
            data[position : position + size] = number.to_bytes(size, random_.choice(("big", "little")))
        elif choice == 3:
            del data[position:]
        elif choice == 4:
            data[position:position] = random_.randbytes(random_.randint(1, 16))
        elif choice == 5:
            end = min(len(data), position + random_.randint(1, 32))
            data[position:position] = data[position:end]
        else:
            other = random_.choice(seeds)
            data[position:] = other[random_.randrange(len(other) + 1) :]
    return bytes(data[:LARGEST_INPUT_BYTES])


def fuzz(target: Target, *, seed: int, inputs: int, seconds: float) -> Report | Finding:
    """Feeds the seeds, then mutations of them, until ``inputs`` or ``seconds`` are used up or something is found."""
    random_ = random.Random(f"{seed}/{target.name}")
    deadline = time.monotonic() + seconds
    accepted = rejected = 0
    slowest_ms = 0.0
    for number in range(inputs):
        data = target.seeds[number] if number < len(target.seeds) else mutate(random_, target.seeds)
        started = time.thread_time()
        try:
            target.run(data)
            accepted += 1
        except target.documented:
            rejected += 1
        except Exception as error:  # noqa: BLE001  a finding is any other exception, whatever it is
            return Finding(data, f"{type(error).__name__}: {error}")
        took_ms = (time.thread_time() - started) * 1000
        if took_ms > SLOWEST_ALLOWED_MS:
            return Finding(data, f"took {took_ms:.0f} ms")
        slowest_ms = max(slowest_ms, took_ms)
        if number % 256 == 0 and time.monotonic() > deadline:
            break
    return Report(accepted + rejected, accepted, rejected, slowest_ms)
