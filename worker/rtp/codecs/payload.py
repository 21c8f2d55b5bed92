# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""What the plane knows of one packet's payload, in the same words for every codec."""

from __future__ import annotations


class PayloadDescriptor:
    """Made once, filled again for each packet by the ``parse`` of its codec.

    Attributes:
        is_key_frame: the packet begins a key frame (for H264 also: carries its sequence parameter set).
        begins_frame: first packet of a frame (VP9: of a layer frame).
        ends_frame: last packet of a layer frame, where the codec says so.
        is_dtx: audio that carries silence only.
        spatial_layer: 0 to 7, -1 where the payload does not say.
        temporal_layer: 0 to 7, -1 where the payload does not say.
        switching_up: from this frame on, a receiver may begin with this temporal layer.
        inter_layer: the frame depends on the spatial layer below it.
        inter_picture: the frame depends on earlier pictures (VP9).
        discardable: no other frame depends on this one.
        picture_id: 7 or 15 bits (``picture_id_bits``, 0 when absent) that begin in byte ``picture_id_offset`` of the
            payload; -1 when absent.
        tl0_picture_index: 8 bits, -1 when absent, at byte ``tl0_picture_index_offset`` of the payload.
        key_index: 5 bits, -1 when absent (VP8).
        units: bits of what units an H264 packet carries or begins, of ``enums``.
        is_random_access: the packet begins a picture at which a decoder can begin that has the parameter sets (H264).
        size: bytes of the descriptor before the codec's own data.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Back to a packet of which nothing is known."""
        self.is_key_frame = False
        self.begins_frame = False
        self.ends_frame = False
        self.is_dtx = False
        self.spatial_layer = -1
        self.temporal_layer = -1
        self.switching_up = False
        self.inter_layer = False
        self.inter_picture = False
        self.discardable = False
        self.picture_id = -1
        self.picture_id_offset = 0
        self.picture_id_bits = 0
        self.tl0_picture_index = -1
        self.tl0_picture_index_offset = 0
        self.key_index = -1
        self.units = 0
        self.is_random_access = False
        self.size = 0

    def read_picture_id(self, data: bytes, size: int, position: int) -> int:
        """Reads a picture id of 7 or 15 bits, as VP8 and VP9 have it (RFC 7741, RFC 9628, both section 4.2).

        Args:
            data: the payload.
            size: its length in bytes.
            position: of the byte ``|M| PictureID   |``.

        Returns:
            The position after it, or -1 when the payload ends before it does.
        """
        if position >= size:
            return -1
        if data[position] & 0x80 == 0:
            self.picture_id = data[position]
            self.picture_id_bits = 7
            self.picture_id_offset = position
            return position + 1
        if position + 1 >= size:
            return -1
        self.picture_id = (data[position] & 0x7F) << 8 | data[position + 1]
        self.picture_id_bits = 15
        self.picture_id_offset = position
        return position + 2
