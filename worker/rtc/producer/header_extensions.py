"""Which header extensions (RFC 8285) a producer's packets carry inside a router, and by which ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from miso.worker.dataplane import ProducerPlane
from miso.worker.rtc.extension_uris import (
    ABS_CAPTURE_TIME_URI,
    ABS_SEND_TIME_URI,
    AUDIO_LEVEL_URI,
    FRAME_MARKING_07_URI,
    FRAME_MARKING_URI,
    MID_URI,
    TOFFSET_URI,
    TRANSPORT_WIDE_CC_URI,
    VIDEO_ORIENTATION_URI,
)


class _Extension(NamedTuple):
    """An extension: its URI, what the plane calls it, and its id in the router (mediasoup's, the same in all)."""

    uri: str
    name: str
    router_id: int


# Written anew for each consumer, whatever the sender sends; audio is not stamped for bandwidth estimation.
_MID = _Extension(MID_URI, "mid", 1)
_ABS_SEND_TIME = _Extension(ABS_SEND_TIME_URI, "abs_send_time", 4)
_TRANSPORT_WIDE_CC = _Extension(TRANSPORT_WIDE_CC_URI, "transport_wide_cc", 5)
_WRITTEN_ANEW = (_MID, _ABS_SEND_TIME, _TRANSPORT_WIDE_CC)

_ABS_CAPTURE_TIME = _Extension(ABS_CAPTURE_TIME_URI, "abs_capture_time", 13)
_OF_KIND = {
    "audio": (_MID, _Extension(AUDIO_LEVEL_URI, "audio_level", 10), _ABS_CAPTURE_TIME),
    "video": (
        _MID,
        _ABS_SEND_TIME,
        _TRANSPORT_WIDE_CC,
        _Extension(FRAME_MARKING_07_URI, "frame_marking", 6),
        _Extension(FRAME_MARKING_URI, "frame_marking", 7),
        _Extension(VIDEO_ORIENTATION_URI, "video_orientation", 11),
        _Extension(TOFFSET_URI, "toffset", 12),
        _ABS_CAPTURE_TIME,
    ),
}


def map_extensions(plane: ProducerPlane, kind: str, sender_ids: Mapping[str, int]) -> None:
    """Tells the plane which extensions to keep.

    Args:
        plane: Of the producer.
        kind: ``audio`` or ``video``.
        sender_ids: The ids by which the sender sends them, by URI.
    """
    for extension in _OF_KIND[kind]:
        if extension.uri in sender_ids or extension in _WRITTEN_ANEW:
            plane.map_extension(extension.name, sender_ids.get(extension.uri, 0), extension.router_id)
