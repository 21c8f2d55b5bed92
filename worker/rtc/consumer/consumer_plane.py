"""Makes a consumer's object in the data plane, of what was negotiated with the receiver."""

from __future__ import annotations

import logging
from typing import NamedTuple

from miso.worker.dataplane import ConsumerPlane, TransportPlane
from miso.worker.errors import CommandError, InvalidStateError
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, MID_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtp.layer_selectors import LayerSelector

logger = logging.getLogger(__name__)

_MAX_MID_SIZE = 8  # bytes that every packet has room for; like mediasoup, a longer one is not sent


class Negotiated(NamedTuple):
    """What was agreed on with the receiver."""

    consumer_id: str
    kind: str  # audio or video
    parameters: RtpParameters


def make_plane(transport: TransportPlane, negotiated: Negotiated, index: int, selector: LayerSelector) -> ConsumerPlane:
    """Makes the object for the encoding ``index``, switched off.

    Raises:
        CommandError: Another stream of the transport has its SSRC, or that of its repairs, under the same SRTP key.
    """
    parameters = negotiated.parameters
    encoding = parameters.encodings[index]
    codec = encoding.codec
    ids = parameters.extension_ids
    # Like mediasoup, audio packets are not stamped for bandwidth estimation.
    is_video = negotiated.kind == "video"
    mid = parameters.mid
    if len(mid.encode()) > _MAX_MID_SIZE:
        logger.warning("mid does not fit into packets consumer=%s mid=%s", negotiated.consumer_id, mid)
        mid = ""
    uses_transport_cc = is_video and parameters.has_feedback("transport-cc")
    rtx_ssrc = encoding.rtx_ssrc if encoding.rtx_codec is not None else 0
    try:
        plane = ConsumerPlane(
            transport,
            ssrc=encoding.ssrc,
            rtx_ssrc=rtx_ssrc,
            codec=codec.plane_codec,
            clock_rate=codec.clock_rate,
            payload_types=[codec.payload_type for codec in parameters.codecs if codec.is_media],
            rtx_payload_types=_rtx_payload_types(parameters) if rtx_ssrc else {},
            mid=mid,
            mid_id=ids.get(MID_URI, 0) if mid else 0,
            abs_send_time_id=ids.get(ABS_SEND_TIME_URI, 0) if is_video else 0,
            transport_wide_cc_id=ids.get(TRANSPORT_WIDE_CC_URI, 0) if uses_transport_cc else 0,
            keep_for_retransmission=codec.use_nack,
            selector=selector,
        )
    except InvalidStateError as error:
        raise CommandError(str(error)) from error
    plane.active = False
    return plane


def _rtx_payload_types(parameters: RtpParameters) -> dict[int, int]:
    payload_types: dict[int, int] = {}
    for codec in parameters.codecs:
        apt = codec.parameters.get("apt")
        if codec.name == "rtx" and isinstance(apt, int):
            payload_types[apt] = codec.payload_type
    return payload_types
