"""Packets from an encoder, written as MP4."""

from __future__ import annotations

from collections.abc import Sequence

from miso.live.media.bodies import BodyReader
from miso.live.media.flv import FlvReader, TagType
from miso.live.media.packet import Kind, Packet, TrackId
from miso.live.mp4.track import Mp4Track, make_track
from miso.live.mp4.writer import Fragment, FragmentWriter


def packets_of_flv(data: bytes) -> list[Packet]:
    """All packets of sound and pictures in an FLV file."""
    bodies = BodyReader()
    packets = []
    for tag in FlvReader().feed(data):
        if tag.tag_type is not TagType.SCRIPT:
            read = bodies.read_video if tag.tag_type is TagType.VIDEO else bodies.read_audio
            packets += read(tag.body, tag.timestamp_ms)
    return packets


def frames(packets: Sequence[Packet]) -> list[Packet]:
    return [packet for packet in packets if not packet.is_config and not packet.is_end]


def tracks_of(packets: Sequence[Packet]) -> list[Mp4Track]:
    configs: dict[TrackId, Packet] = {}
    tracks: dict[TrackId, Mp4Track] = {}
    for packet in packets:
        if packet.is_config:
            configs[packet.track] = packet
        elif packet.track not in tracks:
            tracks[packet.track] = make_track(configs.get(packet.track), packet)
    return list(tracks.values())


def write(packets: Sequence[Packet], origin_ms: int = 0) -> tuple[FragmentWriter, list[Fragment]]:
    """A fragment for each group of pictures, or each half of a second where there are none."""
    writer = FragmentWriter(tracks_of(packets), origin_ms)
    has_video = any(track.id.kind is Kind.VIDEO for track in writer.tracks)
    fragments = []
    for packet in frames(packets):
        writer.add(packet)
        is_cut = packet.is_key and packet.track.kind is Kind.VIDEO if has_video else writer.pending_s >= 0.5
        if is_cut and (fragment := writer.take()):
            fragments.append(fragment)
    if last := writer.finish():
        fragments.append(last)
    return writer, fragments
