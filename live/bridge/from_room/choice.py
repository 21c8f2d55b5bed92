"""Whom of a room a live stream shows, and which of the things that one sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from miso.controller import Producer
from miso.live.bridge.from_room.picture_codec import PictureCodec
from miso.live.errors import RefusedError

SPEAKER: Final = "*"
"""Instead of a participant: whoever leads the conversation."""
_AUDIO = "audio/opus"


class Chosen(NamedTuple):
    """What is sent into the live stream.

    Attributes:
        video, audio: The producers; None: there is none.
    """

    video: Producer | None
    audio: Producer | None


def choose(
    producers: Mapping[str, list[Producer]],
    who: str,
    speaker: str | None,
    before: Chosen,
    codecs: Sequence[PictureCodec],
) -> Chosen:
    """What the live stream is to have now.

    Args:
        producers: What everybody sends.
        who: A participant, or ``SPEAKER``.
        speaker: Who leads the conversation; None: nobody has yet.
        before: What it has had: it is kept where nothing speaks against it.
        codecs: Of pictures, which it may have. Among several people those of one codec are shown, of the first one here
            that anybody sends: players cannot be given another one in the midst of a stream.

    Raises:
        RefusedError: The participant sends what a live stream cannot have.
    """
    names = [codec.mime_type for codec in codecs]
    if who != SPEAKER:
        return Chosen(
            _one(producers.get(who, []), "video", before.video, who, names),
            _one(producers.get(who, []), "audio", before.audio, who, [_AUDIO]),
        )
    # The leader's picture, or, where that cannot be had, the one of before, or anybody's.
    order = [*([speaker] if speaker is not None else []), *producers]
    everything = [producer for one in order for producer in producers.get(one, [])]
    of_codecs = ([producer for producer in everything if _mime_type(producer) == name] for name in names)
    videos = next((found for found in of_codecs if found), [])
    audios = [producer for producer in everything if _mime_type(producer) == _AUDIO]
    leads = [*producers.get(speaker, [])] if speaker is not None else []
    return Chosen(_stay_or(leads, videos, before.video), _stay_or(leads, audios, before.audio))


def codec_of(producer: Producer, codecs: Sequence[PictureCodec]) -> PictureCodec:
    """How a chosen producer codes its pictures."""
    return next(codec for codec in codecs if codec.mime_type == _mime_type(producer))


def _one(
    producers: list[Producer], kind: str, before: Producer | None, who: str, wanted: Sequence[str]
) -> Producer | None:
    """The first of a kind: a camera comes before what is shared later."""
    own = [producer for producer in producers if producer.kind == kind]
    usable = [producer for producer in own if _mime_type(producer) in wanted]
    if own and not usable:
        sent = own[0].rtp_parameters.codecs[0].mime_type
        raise RefusedError(f"{who} sends {sent}, a live stream takes {', '.join(wanted)} from rooms")
    return before if before in usable else next(iter(usable), None)


def _stay_or(leads: list[Producer], usable: list[Producer], before: Producer | None) -> Producer | None:
    of_leader = [producer for producer in usable if producer in leads]
    if of_leader:
        return before if before in of_leader else of_leader[0]
    return before if before in usable else next(iter(usable), None)


def _mime_type(producer: Producer) -> str:
    return producer.rtp_parameters.codecs[0].mime_type.lower()
