"""Streams and sessions as the JSON API shows them.

Fields that Node-Media-Server has (4.4.3) have its names, and times are Unix times in milliseconds as there. Codecs are
told by FourCC. ``inBps`` and ``outBps`` are bytes per second, as there; what is called ``bitrate`` is bits per second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miso.live.engine.codec_event import track_name
from miso.live.media.codec import Kind, TrackId
from miso.live.sessions.session import Role, Session
from miso.live.statistics.rates import Rate
from miso.live.streams.stream import State, Stream
from miso.live.streams.track import Track

Form = dict[str, object]

_STATUS: Final = {
    State.WAITING: "idle",
    State.PUBLISHING: "publishing",
    State.PUBLISHER_GONE: "reconnecting",
    State.CLOSED: "idle",
}


def session_form(session: Session, rate: Rate, stream: Stream | None) -> Form:
    """A session; ``stream`` is what it publishes or plays, if there is one."""
    app, _, name = session.path.rpartition("/")
    counts = session.counts()
    return {
        "id": session.id,
        "ip": session.address,
        "protocol": session.protocol,
        "isPublisher": session.role is Role.PUBLISHER,
        "role": session.role.value,
        "app": app,
        "name": name,
        "path": session.path,
        "createTime": _unix_ms(session.opened_s),
        "startTime": _unix_ms(session.started_s),
        "endTime": _unix_ms(session.ended_s),
        "endReason": session.end_reason.value if session.end_reason is not None else None,
        "endDetail": session.end_detail,
        "inBytes": counts.bytes_in,
        "outBytes": counts.bytes_out,
        "droppedPackets": counts.dropped_packets,
        "inBps": rate.in_bps,
        "outBps": rate.out_bps,
        **_codecs(stream),
    }


def stream_form(stream: Stream, sessions: list[Session], rate_of: Callable[[Session], Rate]) -> Form:
    """A stream with the sessions that are its."""
    app, _, name = stream.path.rpartition("/")
    publisher = next((one for one in sessions if one.role is Role.PUBLISHER and one.started_s is not None), None)
    players = [session for session in sessions if session.role is Role.PLAYER]
    video = _main(stream, Kind.VIDEO)
    return {
        "key": f"/{stream.path}",
        "path": stream.path,
        "app": app,
        "name": name,
        "status": status_of(stream),
        "publisher": session_form(publisher, rate_of(publisher), stream) if publisher is not None else None,
        "subscribers": len(players),
        "outBytes": sum(player.counts().bytes_out for player in players),
        "inBps": rate_of(publisher).in_bps if publisher is not None else 0,
        "outBps": sum(rate_of(player).out_bps for player in players),
        "tracks": [track_form(track) for track in stream.tracks.values() if track.id.kind is not Kind.DATA],
        "gop": _gop(video) if video is not None else None,
    }


def status_of(stream: Stream | None) -> str:
    """As Node-Media-Server calls it: ``idle``, ``publishing`` or ``reconnecting``."""
    return _STATUS[stream.state] if stream is not None else _STATUS[State.CLOSED]


def track_form(track: Track) -> Form:
    """A track; bitrate and measured frame rate are those of the packets that are kept."""
    description = track.description()
    ring = track.ring
    span_ms = ring.span_ms
    return {
        "track": track_name(track.id),
        "codec": track.codec.value if track.codec is not None else None,
        "profile": description.profile if description else None,
        "level": description.level if description else None,
        "width": description.width if description else None,
        "height": description.height if description else None,
        "frameRate": description.frame_rate if description else None,
        "measuredFrameRate": _measured_rate(track) if track.id.kind is Kind.VIDEO else None,
        "sampleRate": description.sample_rate_hz if description else None,
        "channels": description.channels if description else None,
        "bitrate": round(ring.size_bytes * 8000 / span_ms) if span_ms > 0 else None,
        "packets": track.packets,
        "inBytes": track.size_bytes,
        "ended": track.ended,
    }


def _codecs(stream: Stream | None) -> Form:
    """What Node-Media-Server says of a publisher; here of players, too: they get the same."""
    video = _main(stream, Kind.VIDEO) if stream is not None else None
    audio = _main(stream, Kind.AUDIO) if stream is not None else None
    pictures = video.description() if video is not None else None
    sound = audio.description() if audio is not None else None
    frame_rate = (pictures.frame_rate if pictures else None) or (_measured_rate(video) if video else None)
    return {
        "videoCodec": pictures.codec.value if pictures else None,
        "videoWidth": pictures.width if pictures else None,
        "videoHeight": pictures.height if pictures else None,
        "videoFramerate": frame_rate,
        "audioCodec": sound.codec.value if sound else None,
        "audioSamplerate": sound.sample_rate_hz if sound else None,
        "audioChannels": sound.channels if sound else None,
    }


def _main(stream: Stream, kind: Kind) -> Track | None:
    return stream.tracks.get(TrackId(kind))


def _measured_rate(track: Track) -> float | None:
    span_ms = track.ring.span_ms
    return round((len(track.ring) - 1) * 1000 / span_ms, 2) if span_ms > 0 else None


def _gop(track: Track) -> Form | None:
    """What a new player begins with: from the newest key frame on."""
    ring = track.ring
    key = ring.newest_key
    if key is None:
        return None
    packets = [ring.at(position).packet for position in range(key, ring.end)]
    return {
        "packets": len(packets),
        "bytes": sum(packet.size_bytes for packet in packets),
        "durationMs": packets[-1].dts_ms - packets[0].dts_ms,
    }


def _unix_ms(unix_s: float | None) -> int | None:
    return round(unix_s * 1000) if unix_s is not None else None
