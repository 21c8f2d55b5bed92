"""One track of a stream: its codec's configuration, and its latest packets."""

from __future__ import annotations

from miso.live.media.codec import Kind
from miso.live.media.description import TrackDescription, describe
from miso.live.media.packet import Codec, Packet, TrackId
from miso.live.streams.memory import Memory
from miso.live.streams.ring import Bounds, Entry, Ring


class Track:
    """A track. It comes with the first packet of its publisher that names it.

    Attributes:
        id: Which of the stream.
        codec: How it is coded; None for metadata. It may change with a new publisher.
        config: The latest configuration record; None: the codec needs none, or it has not come.
        ring: The latest packets, configuration records among them.
        ended: Whether its publisher has said that it is over.
        packets, size_bytes: What has come so far.

    Args:
        track_id: Which of the stream.
        bounds: Of its ring.
        memory: Of all streams; None: no bound.
        name: What the log calls it.
    """

    def __init__(self, track_id: TrackId, bounds: Bounds, memory: Memory | None = None, name: str = "") -> None:
        self.id = track_id
        self.codec: Codec | None = None
        self.config: Packet | None = None
        self.ring = Ring(bounds, memory, name)
        self.ended = False
        self.packets = 0
        self.size_bytes = 0
        self._last_dts_ms: int | None = None

    def write(self, arrival: int, packet: Packet) -> None:
        """Adds a packet.

        One whose time lies before the last one's gets that one's: players want times that grow. A configuration that
        is the one in force is passed over; behind another one, or another codec, no reader begins with what came
        before it.
        """
        if packet.codec is not self.codec:
            self.config = None
            self.ring.forget_key()
        self.codec = packet.codec
        self.ended = packet.is_end
        self.packets += 1
        self.size_bytes += packet.size_bytes
        if packet.is_config:
            if self.config is not None and (self.config.codec, self.config.payload) == (packet.codec, packet.payload):
                return
            self.config = packet
            self.ring.forget_key()
        if self._last_dts_ms is not None and packet.dts_ms < self._last_dts_ms:
            packet = packet.at(self._last_dts_ms)
        self._last_dts_ms = packet.dts_ms
        self.ring.write(Entry(arrival, packet))

    def description(self) -> TrackDescription | None:
        """What is known of it; None: nothing has come, or it is metadata."""
        if self.codec is None or self.id.kind is Kind.DATA:
            return None
        if self.config is not None and self.config.codec is self.codec:
            return describe(self.config)
        ring = self.ring
        return describe(ring.at(ring.end - 1).packet) if len(ring) else None
