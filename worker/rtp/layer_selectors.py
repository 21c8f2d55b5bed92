# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Which packets of a producer a consumer forwards: one selector per consumer type, asked for every packet.

A picture is told from the next by its RTP timestamp. What control wishes takes effect between pictures, so that none is
forwarded by half.
"""

from __future__ import annotations

from miso.worker.rtp import enums
from miso.worker.rtp.codecs.payload import PayloadDescriptor
from miso.worker.rtp.codecs.vp8_indices import Vp8Indices
from miso.worker.rtp.sequence import is_newer32

_MODULO = 0xFFFFFFFF  # a C integer in the .pxd


class LayerSelector:
    """What the plane asks; the selectors below answer.

    Attributes:
        waiting_for_key_frame: what is wished begins with one: control asks the sender for it.
        key_frame_wanted_of: index of the stream whose sender is to be asked, -1 when none.
        reference_stream: the stream whose timestamps pass as they are, those of the others being aligned to them by the
            sender reports; -1: there is one stream, and its timestamps go on from what was sent before.
        target_spatial: the spatial layer that control wishes, -1 none; likewise ``target_temporal``.
        current_spatial: the spatial layer that is being forwarded, -1 none; ``current_temporal``: the highest temporal
            layer of it that has come.
        notice: bits for the caller, who clears them: ``LAYERS_CHANGED``, the current layers are others now;
            ``KEY_FRAME_MISSED``, a key frame came that could not be used, since some of it was gone by already: another
            is needed.
        numbered_stream: the stream whose sequence numbers the consumer's go on with; ``ANY_STREAM``, or ``NO_STREAM``
            while nothing is forwarded.
        rewrite: what is to be written over the packet that was just selected: ``REWRITE_MARKER``, the marker is set;
            ``REWRITE_INDICES``, the numbers of ``codecs.vp8_indices`` are in bits 0 to 27; 0: nothing.
        gave_up: what was sent before did not arrive, and is not to be repaired: it begins anew (``give_up``).
    """

    def __init__(self) -> None:
        self.waiting_for_key_frame = False
        self.key_frame_wanted_of = -1
        self.reference_stream = -1
        self.target_spatial = -1
        self.target_temporal = -1
        self.current_spatial = -1
        self.current_temporal = -1
        self.notice = 0
        self.numbered_stream = enums.ANY_STREAM
        self.rewrite = 0
        self.gave_up = False

    def sync(self) -> None:
        """The consumer begins anew (created, resumed, source changed), with the first packet of a picture."""

    def select(self, stream_index: int, payload: PayloadDescriptor, timestamp: int, late: bool) -> int:
        """Decides about one packet.

        Args:
            stream_index: which of the producer's streams it is of, 0 the lowest encoding.
            payload: what the packet carries.
            timestamp: its RTP timestamp as received.
            late: a newer packet of the stream came before it and is gone. The plane looks for these by itself
                (``KeyFrameStart``) before it begins with what was selected, and never says so.

        Returns:
            ``DROP``: the numbers after it close up. ``FORWARD``. ``FORWARD_AFTER_SYNC``, as the first one of something
            new: the caller syncs its mappers and calls ``begin``, or, when it cannot, leaves it. ``IGNORE``: it is of
            no concern.
        """
        return enums.IGNORE

    def begin(self, stream_index: int, payload: PayloadDescriptor, timestamp: int) -> None:
        """The packet that ``select`` gave ``FORWARD_AFTER_SYNC`` is being forwarded; ``rewrite`` is for it."""

    def restart(self, timestamp: int) -> None:
        """The sender of the numbered stream counts anew; its next packet has this RTP timestamp."""


class SimpleLayerSelector(LayerSelector):
    """One stream, all of it, beginning at a key frame."""

    def __init__(self, needs_key_frame: bool, ignore_dtx: bool = False) -> None:
        """Makes a selector that waits for its first packet.

        Args:
            needs_key_frame: video whose codec has key frames we recognise.
            ignore_dtx: drop packets of silence.
        """
        super().__init__()
        self._stream_index = -1  # whichever there is
        self._needs_key_frame = needs_key_frame
        self._ignore_dtx = ignore_dtx
        self._sync_required = True
        self.sync()

    def sync(self) -> None:
        """The next forwarded packet is the first of a key frame (or any, for a codec without)."""
        self._sync_required = True
        self.waiting_for_key_frame = self._needs_key_frame
        self.key_frame_wanted_of = max(self._stream_index, 0) if self._needs_key_frame else -1

    def select(self, stream_index: int, payload: PayloadDescriptor, timestamp: int, late: bool) -> int:
        """As ``LayerSelector.select``."""
        if self._stream_index >= 0 and stream_index != self._stream_index:
            return enums.IGNORE
        if self._ignore_dtx and payload.is_dtx:
            return enums.DROP
        if not self._sync_required:
            return enums.FORWARD
        if self._needs_key_frame and not payload.is_key_frame:
            return enums.IGNORE
        return enums.FORWARD_AFTER_SYNC

    def begin(self, stream_index: int, payload: PayloadDescriptor, timestamp: int) -> None:
        """The stream flows."""
        self._sync_required = False
        self.waiting_for_key_frame = False
        self.key_frame_wanted_of = -1


class StreamSelector(SimpleLayerSelector):
    """One of the producer's streams, all of it: a pipe's consumer has one for each."""

    def __init__(self, stream_index: int, needs_key_frame: bool) -> None:
        """Makes a selector for the encoding ``stream_index``; ``needs_key_frame`` as in ``SimpleLayerSelector``."""
        super().__init__(needs_key_frame)
        self._stream_index = stream_index
        self.numbered_stream = stream_index
        self.sync()


class LayeredSelector(LayerSelector):
    """What the selectors with layers share: the targets, and the temporal layer of each picture.

    ``_ceiling`` is the highest temporal layer whose pictures the receiver can decode: all, after a key frame; when it
    is to rise later, from a picture on that says so (switching-up bits of VP8 and VP9, B of frame marking).
    """

    def __init__(self, spatial_layers: int, temporal_layers: int) -> None:
        """Makes a selector that forwards nothing until ``set_target``.

        Args:
            spatial_layers: how many the producer announced.
            temporal_layers: how many the producer announced, of each spatial one.
        """
        super().__init__()
        self._spatial_layers = spatial_layers
        self._temporal_layers = temporal_layers
        self._ceiling = -1
        self._wanted_temporal = -1  # the target in force: that of the current spatial layer
        self._picture = 0  # timestamp of the newest picture
        self._is_forwarding = False  # that picture
        self._restarted = False  # since that picture

    def set_target(self, spatial: int, temporal: int) -> int:
        """Wishes layers; -1 for both stops at once. Returns 0.

        Higher temporal layers begin where the codec allows it, lower ones with the next picture.

        Raises:
            ValueError: there is no such layer, or only one of the two is -1.
        """
        if (
            not -1 <= spatial < self._spatial_layers
            or not -1 <= temporal < self._temporal_layers
            or (spatial < 0) != (temporal < 0)
        ):
            raise ValueError(
                f"target layers are {spatial}/{temporal}, expected -1/-1 "
                f"or up to {self._spatial_layers - 1}/{self._temporal_layers - 1}"
            )
        self.target_spatial = spatial
        self.target_temporal = temporal
        if spatial < 0:
            self._stop()
        self._retarget()
        return 0

    def sync(self) -> None:
        """Nothing is forwarded until the next key frame of the target."""
        self._stop()
        self._retarget()

    def give_up(self) -> None:
        """As ``sync``, since what is current does not arrive."""
        self.sync()
        self.gave_up = True

    def restart(self, timestamp: int) -> None:
        """As ``LayerSelector.restart``: pictures are newer than those before whatever their timestamps."""
        self._picture = (timestamp - 1) & _MODULO
        self._restarted = True

    def _retarget(self) -> None:
        """The target changed, or what is forwarded."""

    def _stop(self) -> None:
        self.gave_up = False
        self.current_spatial = -1
        self.current_temporal = -1
        self.notice = 0

    def _start(self, spatial: int, temporal: int, timestamp: int) -> None:
        self.gave_up = False
        self.current_spatial = spatial
        self.current_temporal = min(temporal, self.target_temporal)
        self.notice |= enums.LAYERS_CHANGED
        self._wanted_temporal = self.target_temporal
        self._ceiling = self.target_temporal
        self._picture = timestamp
        self._is_forwarding = True
        self._retarget()

    def _admit(self, payload: PayloadDescriptor, temporal: int, may_rise: bool) -> None:
        """Decides about a new picture by its first packet."""
        current = min(self.current_temporal, self._wanted_temporal)
        if payload.is_key_frame or self._ceiling > self._wanted_temporal:
            self._ceiling = self._wanted_temporal
        elif may_rise and self._ceiling < temporal <= self._wanted_temporal and payload.switching_up:
            self._ceiling = temporal
        self._is_forwarding = temporal <= self._ceiling
        if self._is_forwarding and (temporal > current or payload.temporal_layer < 0):
            current = temporal
        if current != self.current_temporal:
            self.current_temporal = current
            self.notice |= enums.LAYERS_CHANGED


class SimulcastLayerSelector(LayeredSelector):
    """One of several streams at a time, each an encoding of its own; temporal layers within them (VP8, H264).

    The spatial layer is the stream's index. Another stream begins at a key frame of its own, and until then the one
    before goes on.
    """

    def __init__(self, codec: int, spatial_layers: int, temporal_layers: int) -> None:
        """``codec`` is ``Codec.VP8`` or ``Codec.H264``; the rest as in ``LayeredSelector``."""
        super().__init__(spatial_layers, temporal_layers)
        self._indices = Vp8Indices() if codec == enums.VP8 else None
        self.numbered_stream = enums.NO_STREAM

    def _retarget(self) -> None:
        if self.target_spatial >= 0 and self.reference_stream < 0:
            self.reference_stream = self.target_spatial
        if self.target_spatial == self.current_spatial:
            self._wanted_temporal = self.target_temporal
        self.numbered_stream = self.current_spatial if self.current_spatial >= 0 else enums.NO_STREAM
        self.waiting_for_key_frame = self.target_spatial >= 0 and self.target_spatial != self.current_spatial
        self.key_frame_wanted_of = self.target_spatial if self.waiting_for_key_frame else -1

    def select(self, stream_index: int, payload: PayloadDescriptor, timestamp: int, late: bool) -> int:
        """As ``LayerSelector.select``."""
        if stream_index != self.current_spatial:
            if stream_index != self.target_spatial or not payload.is_key_frame:
                return enums.IGNORE
            if late and self.current_spatial >= 0:
                self.notice |= enums.KEY_FRAME_MISSED
                return enums.IGNORE
            return enums.FORWARD_AFTER_SYNC
        if is_newer32(timestamp, self._picture):
            return self._begin_picture(payload, timestamp)
        if timestamp == self._picture:
            if not self._is_forwarding:
                return enums.DROP
        elif payload.picture_id < 0 and payload.temporal_layer > self._ceiling:
            return enums.DROP
        return self._write(payload)

    def _begin_picture(self, payload: PayloadDescriptor, timestamp: int) -> int:
        self._picture = timestamp
        self._admit(payload, max(payload.temporal_layer, 0), True)
        if self._indices is not None:
            if self._restarted or self._indices.is_repeated(payload):
                self._indices.begin(payload)
                self._restarted = False
            if not self._is_forwarding:
                self._indices.drop(payload)
        return self._write(payload) if self._is_forwarding else enums.DROP

    def _write(self, payload: PayloadDescriptor) -> int:
        if self._indices is not None:
            word = self._indices.map(payload)
            if word < 0:
                return enums.DROP
            self.rewrite = word
        return enums.FORWARD

    def begin(self, stream_index: int, payload: PayloadDescriptor, timestamp: int) -> None:
        """The stream is the current one."""
        self._start(stream_index, max(payload.temporal_layer, 0), timestamp)
        if self._indices is not None:
            self._indices.begin(payload)
            self._write(payload)


class SvcLayerSelector(LayeredSelector):
    """One stream of spatial and temporal layers (VP9).

    A higher spatial layer begins at a key picture. A lower one is enough from the next picture on with full SVC; with
    K-SVC, whose layers depend on each other in key pictures only, at a key picture too.
    """

    def __init__(self, codec: int, spatial_layers: int, temporal_layers: int, k_svc: bool) -> None:
        """``k_svc``: only key pictures have dependencies between spatial layers; the rest as in ``LayeredSelector``."""
        super().__init__(spatial_layers, temporal_layers)
        self._k_svc = k_svc
        self._may_step_down = False  # the newest picture is a key picture
        self._newest = 0  # how many pictures were remembered; the place of each in these two is its number modulo 32
        self._pictures = [0] * 32  # timestamps
        self._highest = [-1] * 32  # the highest spatial layer that is forwarded of it, -1: none

    def _retarget(self) -> None:
        self._wanted_temporal = self.target_temporal
        self.waiting_for_key_frame = self.target_spatial >= 0 and (
            self.target_spatial > self.current_spatial or (self._k_svc and self.target_spatial != self.current_spatial)
        )
        self.key_frame_wanted_of = 0 if self.waiting_for_key_frame else -1

    def select(self, stream_index: int, payload: PayloadDescriptor, timestamp: int, late: bool) -> int:
        """As ``LayerSelector.select``."""
        self.rewrite = 0
        spatial = max(payload.spatial_layer, 0)
        temporal = max(payload.temporal_layer, 0)
        if self.current_spatial < 0:
            return enums.FORWARD_AFTER_SYNC if self.target_spatial >= 0 and payload.is_key_frame else enums.IGNORE
        if spatial >= self._spatial_layers or temporal >= self._temporal_layers:
            return enums.DROP
        if is_newer32(timestamp, self._picture):
            self._begin_picture(payload, temporal, timestamp)
        elif payload.is_key_frame and self.waiting_for_key_frame:
            self._take_late_key(timestamp)
        highest = self._highest_of(timestamp)
        if spatial > highest or (self._k_svc and payload.inter_picture and spatial != highest):
            # what is late fills the number that was left for it, whatever layer it is of
            return enums.DROP if timestamp == self._picture else enums.FORWARD
        if payload.ends_frame and spatial == highest:
            self.rewrite = enums.REWRITE_MARKER
        return enums.FORWARD

    def _take_late_key(self, timestamp: int) -> None:
        """A key picture's first packet was overtaken by others of it, or by the next picture.

        All that a lower layer needs of the newest picture is forwarded as it is: that layer may begin with the next.
        """
        if timestamp == self._picture and self._is_forwarding and self.target_spatial < self.current_spatial:
            self._may_step_down = True
        else:
            self.notice |= enums.KEY_FRAME_MISSED

    def _remember(self) -> None:
        """What is decided of the newest picture: the highest spatial layer of it that is forwarded, -1 none."""
        if self._pictures[self._newest & 31] != self._picture or self._newest == 0:
            self._newest += 1
        self._pictures[self._newest & 31] = self._picture
        self._highest[self._newest & 31] = self.current_spatial if self._is_forwarding else -1

    def _highest_of(self, timestamp: int) -> int:
        """What was decided of a picture; of one that nothing was seen of, what holds now."""
        known = min(self._newest, 32)
        for back in range(known):
            if self._pictures[(self._newest - back) & 31] == timestamp:
                return self._highest[(self._newest - back) & 31]
        return self.current_spatial

    def _begin_picture(self, payload: PayloadDescriptor, temporal: int, timestamp: int) -> None:
        self._picture = timestamp
        if self.target_spatial != self.current_spatial and (
            payload.is_key_frame
            or (self.target_spatial < self.current_spatial and (not self._k_svc or self._may_step_down))
        ):
            self.current_spatial = self.target_spatial
            self.notice |= enums.LAYERS_CHANGED
            self._retarget()
        self._may_step_down = False
        self._admit(payload, temporal, payload.begins_frame)
        self._remember()

    def begin(self, stream_index: int, payload: PayloadDescriptor, timestamp: int) -> None:
        """The stream flows, from a key picture on."""
        self.rewrite = 0
        self._start(self.target_spatial, max(payload.temporal_layer, 0), timestamp)
        self._remember()
        if payload.ends_frame and max(payload.spatial_layer, 0) == self.current_spatial:
            self.rewrite = enums.REWRITE_MARKER
