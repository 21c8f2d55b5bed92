"""The table of everything a client may ask."""

from __future__ import annotations

from typing import Any, Final

from miso.demo.rooms.requests import data, live_streams, media, network_throttle, room
from miso.demo.rooms.requests.handler import Row
from miso.demo.rooms.requests.messages import (
    ApplyNetworkThrottle,
    ChangeDisplayName,
    ConnectWebRtcTransport,
    CreateWebRtcTransport,
    Join,
    NoBody,
    OfConsumer,
    OfDataConsumer,
    OfDataProducer,
    OfLiveStream,
    OfNetworkThrottle,
    OfProducer,
    OfTransport,
    Produce,
    ProduceData,
    SetConsumerPreferredLayers,
    SetConsumerPriority,
)

REQUESTS: Final[dict[str, Row[Any]]] = {
    "getRouterRtpCapabilities": Row(NoBody, room.get_router_rtp_capabilities),
    "join": Row(Join, room.join),
    "getRtcStatsUrl": Row(NoBody, room.get_rtc_stats_url),
    "changeDisplayName": Row(ChangeDisplayName, room.change_display_name, needs_join=True, told_everybody=True),
    "createWebRtcTransport": Row(CreateWebRtcTransport, media.create_webrtc_transport),
    "connectWebRtcTransport": Row(ConnectWebRtcTransport, media.connect_webrtc_transport),
    "restartIce": Row(OfTransport, media.restart_ice),
    "produce": Row(Produce, media.produce, needs_join=True),
    "closeProducer": Row(OfProducer, media.close_producer, needs_join=True),
    "pauseProducer": Row(OfProducer, media.pause_producer, needs_join=True, told_everybody=True),
    "resumeProducer": Row(OfProducer, media.resume_producer, needs_join=True, told_everybody=True),
    "pauseConsumer": Row(OfConsumer, media.pause_consumer, needs_join=True),
    "resumeConsumer": Row(OfConsumer, media.resume_consumer, needs_join=True),
    "setConsumerPreferredLayers": Row(SetConsumerPreferredLayers, media.set_consumer_preferred_layers, needs_join=True),
    "setConsumerPriority": Row(SetConsumerPriority, media.set_consumer_priority, needs_join=True),
    "requestConsumerKeyFrame": Row(OfConsumer, media.request_consumer_key_frame, needs_join=True),
    "getTransportStats": Row(OfTransport, media.get_transport_stats),
    "getProducerStats": Row(OfProducer, media.get_producer_stats),
    "getConsumerStats": Row(OfConsumer, media.get_consumer_stats),
    "produceData": Row(ProduceData, data.produce_data, needs_join=True),
    "getDataProducerStats": Row(OfDataProducer, data.get_data_producer_stats),
    "getDataConsumerStats": Row(OfDataConsumer, data.get_data_consumer_stats),
    "getLiveStreams": Row(NoBody, live_streams.get_live_streams, needs_join=True, answers_much=True),
    "bringInLiveStream": Row(OfLiveStream, live_streams.bring_in_live_stream, needs_join=True, told_everybody=True),
    "takeOutLiveStream": Row(OfLiveStream, live_streams.take_out_live_stream, needs_join=True, told_everybody=True),
    "applyNetworkThrottle": Row(ApplyNetworkThrottle, network_throttle.apply_network_throttle),
    "resetNetworkThrottle": Row(OfNetworkThrottle, network_throttle.reset_network_throttle),
    "stopNetworkThrottle": Row(OfNetworkThrottle, network_throttle.reset_network_throttle),
}
"""By method, also where a client sends it as a notification."""
