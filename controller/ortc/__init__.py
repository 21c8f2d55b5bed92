"""Which codecs, header extensions and encodings a router, a producer and a consumer agree on."""

from __future__ import annotations

from miso.controller.ortc.negotiation import (
    can_consume,
    generate_router_rtp_capabilities,
    get_consumable_rtp_parameters,
    get_consumer_rtp_parameters,
    get_pipe_consumer_rtp_parameters,
    get_producer_rtp_parameters_mapping,
    match_producer_codecs,
    reduce_rtp_capabilities,
)

__all__ = [
    "can_consume",
    "generate_router_rtp_capabilities",
    "get_consumable_rtp_parameters",
    "get_consumer_rtp_parameters",
    "get_pipe_consumer_rtp_parameters",
    "get_producer_rtp_parameters_mapping",
    "match_producer_codecs",
    "reduce_rtp_capabilities",
]
