"""Makes a consumer's object in the data plane, of what was negotiated with the receiver."""

from __future__ import annotations

import logging
from typing import Protocol

from miso.worker.channel.bodies.base import Kind
from miso.worker.dataplane import ConsumerPlane, TransportPlane
from miso.worker.errors import CommandError, InvalidStateError
from miso.worker.rtc.extension_uris import ABS_SEND_TIME_URI, MID_URI, TRANSPORT_WIDE_CC_URI
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtp.layer_selectors import LayerSelector

logger = logging.getLogger(__name__)

_MAX_MID_SIZE = 8  # bytes that every packet has room for; like mediasoup, a longer one is not sent


class NegotiatedConsumer(Protocol):
    """What was agreed on with the receiver.

    Attributes:
        id: Of the consumer.
        kind: ``audio`` or ``video``.
        rtp_parameters: All else.
    """

    id: str
    kind: Kind
    rtp_parameters: RtpParameters


def make_plane(
    transport: TransportPlane, consumer: NegotiatedConsumer, index: int, selector: LayerSelector
) -> ConsumerPlane:
    """Makes the object for the encoding ``index``, switched off.

    Raises:
        CommandError: Another stream of the transport has its SSRC, or that of its repairs, under the same SRTP key.
    """
    parameters = consumer.rtp_parameters
    encoding = parameters.encodings[index]
    codec = encoding.codec
    ids = parameters.extensions.ids
    # Like mediasoup, audio packets are not stamped for bandwidth estimation.
    is_video = consumer.kind == "video"
    mid = parameters.mid
    if len(mid.encode()) > _MAX_MID_SIZE:
        logger.warning("mid does not fit into packets consumer=%s mid=%s", consumer.id, mid)
        mid = ""
    uses_transport_cc = is_video and "transport-cc" in parameters.codecs.feedback_types
    rtx_ssrc = encoding.rtx_ssrc if encoding.rtx_codec is not None else 0
    try:
        plane = ConsumerPlane(
            transport,
            ssrc=encoding.ssrc,
            rtx_ssrc=rtx_ssrc,
            codec=codec.plane_codec,
            clock_rate=codec.clock_rate,
            payload_types=parameters.codecs.media_payload_types,
            rtx_payload_types=parameters.codecs.rtx_payload_types if rtx_ssrc else {},
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
