# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Which packets of a producer a consumer forwards: one selector per consumer type, asked for every packet."""

from __future__ import annotations

from worker.rtp.codecs.payload import PayloadDescriptor

DROP = 0
FORWARD = 1
FORWARD_AFTER_SYNC = 2


class LayerSelector:
    """What the plane asks; the selectors below answer.

    Attributes:
        waiting_for_key_frame: nothing passes until one comes: control asks the sender for it.
    """

    def __init__(self) -> None:
        self.waiting_for_key_frame = False

    def sync(self) -> None:
        """The consumer begins anew (created, resumed, source changed), with the first packet of a picture."""

    def select(self, stream_index: int, payload: PayloadDescriptor) -> int:
        """Decides about one packet.

        Args:
            stream_index: which of the producer's streams it is of, 0 the lowest encoding.
            payload: what the packet carries.

        Returns:
            0 drop it, 1 forward it, 2 forward it as the first one after a sync (the mappers are to sync at it).
        """
        return 0


class SimpleLayerSelector(LayerSelector):
    """One stream, all of it, beginning at a key frame."""

    def __init__(self, needs_key_frame: bool, ignore_dtx: bool = False) -> None:
        """Makes a selector that waits for its first packet.

        Args:
            needs_key_frame: video whose codec has key frames we recognise.
            ignore_dtx: drop packets of silence.
        """
        super().__init__()
        self._needs_key_frame = needs_key_frame
        self._ignore_dtx = ignore_dtx
        self._sync_required = True
        self.waiting_for_key_frame = needs_key_frame

    def sync(self) -> None:
        """The next forwarded packet is the first of a key frame (or any, for a codec without)."""
        self._sync_required = True
        self.waiting_for_key_frame = self._needs_key_frame

    def select(self, stream_index: int, payload: PayloadDescriptor) -> int:
        """As ``LayerSelector.select``; ``stream_index`` is always 0."""
        if self._ignore_dtx and payload.is_dtx:
            return 0
        if not self._sync_required:
            return 1
        if self._needs_key_frame and not payload.is_key_frame:
            return 0
        self._sync_required = False
        self.waiting_for_key_frame = False
        return 2
