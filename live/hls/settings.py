"""Settings of the plugin "hls"."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from miso.live.section import PluginSettings


class HlsSettings(PluginSettings):
    """How streams are cut, how much is kept, and for how long without anybody who asks."""

    part_s: float = Field(
        0.5, ge=0.1, le=2, description="how long parts are, in seconds: the less, the lower the latency"
    )
    segment_s: float = Field(
        2.0,
        ge=0.5,
        le=10,
        description="a segment ends at the first key frame after so many seconds; the first after a part",
    )
    max_segment_s: float = Field(
        10.0, ge=1, le=60, description="a segment ends after so many seconds, also without a key frame"
    )
    segments: int = Field(6, ge=3, le=100, description="complete segments in a playlist")
    max_bytes: int = Field(
        64_000_000,
        ge=1_000_000,
        description="bytes that are kept of one stream as parts, and as many again as segments",
    )
    max_total_bytes: int = Field(
        1_000_000_000, ge=1_000_000, description="bytes that are kept of all streams; beyond it no further one is begun"
    )
    max_streams: int = Field(200, ge=1, description="streams at once; who asks for one more is refused")
    stop_s: float = Field(30.0, ge=1, description="seconds without a request, after which a stream is not cut any more")
    viewer_s: float = Field(
        30.0, ge=5, description="seconds without a request, after which a viewer is taken to have gone"
    )
    max_waiting: int = Field(10_000, ge=1, description="requests at once that wait for what is to come")
    max_waiting_per_address: int = Field(
        1_000, ge=0, description="requests of one address (IPv6: /64) at once that wait; 0: no limit"
    )

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        if self.max_segment_s < self.segment_s or self.segment_s < self.part_s:
            raise ValueError("part_s, segment_s and max_segment_s must not shrink in this order")
        return self
