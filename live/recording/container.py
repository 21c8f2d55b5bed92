"""What a recording needs of a file format. It makes bytes; others write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from miso.live.media.packet import Packet, TrackId


class Patch(NamedTuple):
    """Bytes to write over what is in the file, within what the format has written."""

    offset: int
    data: bytes


class Beginning(NamedTuple):
    """What is known of a track when a file begins.

    Attributes:
        config: Its configuration; None of a codec that has none.
        frame: A frame of it, of video a key frame; the configuration where none has come.
    """

    config: Packet | None
    frame: Packet


class Container(Protocol):
    """One file in the making. Times begin with its first frame.

    Attributes:
        left_out: Tracks whose codec the format has no form of.
        duration_ms: Of what was added.
    """

    left_out: frozenset[TrackId]

    @property
    def duration_ms(self) -> int: ...

    @property
    def is_full(self) -> bool:
        """Whether the format has no form of later times: another file is needed."""

    def begin(self) -> bytes:
        """What the file begins with."""

    def add(self, packet: Packet) -> bytes:
        """Takes a packet of one of its tracks; what is to be written now, which may be nothing."""

    def can_go_on(self, config: Packet) -> bool:
        """Whether the file may go on with another configuration of one of its tracks."""

    def finish(self) -> bytes:
        """What the file ends with: nothing more is added."""

    def patches(self, size_bytes: int) -> list[Patch]:
        """What only the end knows: written over what stands at the beginning.

        Args:
            size_bytes: Of the file as it is, which may be shorter than what was given to write.
        """


Beginnings = Mapping[TrackId, Beginning]
