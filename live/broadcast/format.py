"""What a format is: how packets look on the way to players."""

from __future__ import annotations

from typing import Protocol

from miso.live.media.packet import Packet, TrackId

Part = bytes | tuple[bytes, int, int]
"""Bytes, or some of them: from, to."""


class Format(Protocol):
    """FLV over HTTP, RTMP, and so on. Two that do the same are equal and have the same hash: they share a broadcast."""

    @property
    def announces_kinds(self) -> bool:
        """Whether players are told at the beginning what will come, so that another kind never does."""

    def begin(self, has_audio: bool, has_video: bool) -> bytes:
        """What comes before everything else: a file's header. Metadata and configurations follow as packets."""

    def carries(self, track: TrackId) -> bool:
        """Whether that track goes to players."""

    def frame(self, packet: Packet) -> tuple[Part, ...]:
        """A packet as it is sent; none of its payload is copied.

        Args:
            packet: Of any track; a configuration, too. Metadata has no ``@setDataFrame`` before it.

        Returns:
            Nothing if the format does not carry it, or has no form of it.
        """
