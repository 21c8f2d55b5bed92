"""What is asked of a cluster's directory about its hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from miso.cluster.facts import NodeFact


class Nodes(Protocol):
    """Who is in the cluster."""

    @property
    def node(self) -> str:
        """This host's id."""

    @property
    def nodes(self) -> Mapping[str, NodeFact]:
        """What all that live say of themselves, this one too, by their ids."""

    @property
    def is_away(self) -> bool:
        """Whether the store does not answer: what they say may be long past."""
