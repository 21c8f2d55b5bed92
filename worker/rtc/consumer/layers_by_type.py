"""Which layers a consumer has, by its type, and the selectors that let them through in the plane."""

from __future__ import annotations

from miso.worker.channel.bodies.transport import ConsumeRequest
from miso.worker.rtc.consumer.layer_interface import LayerControl, LayersConsumer
from miso.worker.rtc.consumer.layer_sources import SimulcastStreams, SingleStream
from miso.worker.rtc.consumer.simple_or_pipe import SimpleOrPipe
from miso.worker.rtc.consumer.simulcast_or_svc import SimulcastOrSvc
from miso.worker.rtc.consumer.target_layers import TargetLayerChoice
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.rtp_parameters import RtpParameters
from miso.worker.rtp.layer_selectors import (
    LayerSelector,
    SimpleLayerSelector,
    SimulcastLayerSelector,
    StreamSelector,
    SvcLayerSelector,
)


def make_layers(
    owner: LayersConsumer, producer: Producer, parameters: RtpParameters, body: ConsumeRequest
) -> tuple[LayerControl, list[LayerSelector]]:
    """What the consumer's type needs, and the plane's selector for each stream that it sends."""
    sources = [SingleStream(producer, encoding.ssrc or 0) for encoding in body.consumable_rtp_encodings]
    encodings = parameters.encodings
    codec = encodings[0].codec
    numbers = encodings[0].spatial_layers, encodings[0].temporal_layers
    if body.type == "simulcast":
        simulcast = SimulcastLayerSelector(codec.plane_codec, *numbers)
        streams = SimulcastStreams(producer, simulcast, numbers[0])
        choice = TargetLayerChoice(streams, *numbers)
        return SimulcastOrSvc(owner, streams, simulcast, choice, body.preferred_layers), [simulcast]
    if body.type == "svc":
        svc = SvcLayerSelector(codec.plane_codec, *numbers, encodings[0].ksvc)
        stream = SingleStream(producer, sources[0].mapped_ssrc, ksvc=encodings[0].ksvc)
        choice = TargetLayerChoice(stream, *numbers)
        return SimulcastOrSvc(owner, stream, svc, choice, body.preferred_layers), [svc]
    is_pipe = body.type == "pipe"
    selectors: list[LayerSelector]
    if is_pipe:
        selectors = [StreamSelector(index, encoding.codec.has_key_frames) for index, encoding in enumerate(encodings)]
    else:
        selectors = [SimpleLayerSelector(codec.has_key_frames, body.ignore_dtx)]
    return SimpleOrPipe(owner, sources, selectors, is_pipe=is_pipe), selectors
