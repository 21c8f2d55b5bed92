"""Settings of streams: ``[live.streams]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from miso.live.section import Section
from miso.live.streams.ring import Bounds
from miso.live.streams.stream import StreamSettings, Takeover


class StreamsSettings(Section):
    """How streams behave."""

    max_streams: int = Field(
        1_000, ge=1, description="streams at once; one that nobody publishes makes room for a publisher"
    )
    takeover: Literal["reject", "replace"] = Field(
        "reject", description="what becomes of a second publisher: it is refused, or takes the stream over"
    )
    wait: float = Field(5.0, ge=0, le=3600, description="seconds that players wait for a stream to be published")
    grace: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="seconds that players stay when a publisher has gone and may come back; 0: none",
    )
    tracks_wait: float = Field(
        2.0,
        ge=0,
        le=60,
        description="seconds from a publisher's first packet after which a stream has the tracks that have come",
    )
    max_leap: float = Field(
        10.0,
        ge=1,
        description="seconds that a publisher's time may go further ahead from packet to packet than the clock; a leap "
        "beyond is taken out",
    )
    max_tracks: int = Field(16, ge=1, le=256, description="tracks of one stream")
    cache_packets: int = Field(4096, ge=16, le=65536, description="packets of each track that are kept for new players")
    cache_bytes: int = Field(32_000_000, ge=100_000, description="bytes of each track that are kept for new players")
    cache_duration: float = Field(20.0, ge=1, le=600, description="seconds of each track that are kept for new players")

    max_memory: int = Field(
        1_000_000_000,
        ge=10_000_000,
        description="bytes that all streams keep together, for each format in which they are played, too; beyond it the"
        " oldest of whoever keeps most is dropped",
    )

    def of_each(self) -> StreamSettings:
        """As each stream has them."""
        return StreamSettings(
            takeover=Takeover(self.takeover),
            wait_s=self.wait,
            grace_s=self.grace,
            tracks_wait_s=self.tracks_wait,
            max_leap_s=self.max_leap,
            max_tracks=self.max_tracks,
            bounds=Bounds(self.cache_packets, self.cache_bytes, round(self.cache_duration * 1000)),
        )
