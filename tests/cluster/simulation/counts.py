"""What is counted in a run: faults that were survived, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass
class Counts:
    """One run's, or those of many together."""

    faults: dict[str, int] = field(default_factory=dict)
    joins: int = 0
    retries: int = 0
    displaced: int = 0
    displaced_live: int = 0
    sent_elsewhere: int = 0
    drained: int = 0
    shards: int = 0
    steps: int = 0
    failed_steps: int = 0
    remakes: int = 0
    messages: int = 0
    events: int = 0

    def fault(self, kind: str) -> None:
        """A fault happened."""
        self.faults[kind] = self.faults.get(kind, 0) + 1

    def add(self, other: Counts) -> None:
        """Those of another run, too."""
        for kind, count in other.faults.items():
            self.faults[kind] = self.faults.get(kind, 0) + count
        for one in fields(self):
            if one.name != "faults":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def __str__(self) -> str:
        """In one line."""
        faults = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        rest = ", ".join(f"{one.name} {getattr(self, one.name)}" for one in fields(self) if one.name != "faults")
        return f"faults survived: {sum(self.faults.values())} ({faults}); {rest}"
