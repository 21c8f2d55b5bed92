"""What a trace event says of a packet."""

from miso.worker.dataplane.producer.canonical_packet cimport Packet
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor


cdef inline dict describe_packet(
    const Packet *packet, unsigned int ssrc, unsigned short sequence_number, unsigned int timestamp, int size
):
    """Of the packet as it came in, or goes out with these numbers."""
    cdef PayloadDescriptor payload
    cdef dict info = {
        "payloadType": packet.payload_type,
        "sequenceNumber": sequence_number,
        "timestamp": timestamp,
        "marker": bool(packet.marker),
        "ssrc": ssrc,
        "size": size,
        "payloadSize": packet.size - packet.payload_offset,
    }
    if packet.payload != NULL:
        payload = <PayloadDescriptor>packet.payload
        info["isKeyFrame"] = bool(payload.is_key_frame)
        info["spatialLayer"] = max(payload.spatial_layer, 0)
        info["temporalLayer"] = max(payload.temporal_layer, 0)
    return info
