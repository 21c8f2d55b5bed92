"""Facts for tests, with what matters in them."""

from __future__ import annotations

from miso.cluster.facts import (
    DataProducerFact,
    ParticipantFact,
    PipedFact,
    PipeEndFact,
    ProducerFact,
    WantFact,
)
from miso.controller.types import RtpCodecParameters, RtpEncodingParameters, RtpParameters, SctpStreamParameters

OPUS = RtpCodecParameters(mime_type="audio/opus", payload_type=100, clock_rate=48000, channels=2)
RTP = RtpParameters(codecs=[OPUS], encodings=[RtpEncodingParameters(ssrc=7)])
SCTP = SctpStreamParameters(stream_id=3, ordered=False, max_retransmits=1)


def participant(participant_id: str, shard: str = "s", stamp: int = 1, name: str = "") -> ParticipantFact:
    """Somebody."""
    return ParticipantFact(participant=participant_id, shard=shard, stamp=stamp, info={"displayName": name})


def producer(producer_id: str, owner: str = "p", shard: str = "s", *, paused: bool = False) -> ProducerFact:
    """Somebody's microphone."""
    return ProducerFact(
        producer=producer_id, participant=owner, shard=shard, kind="audio", type="simple", rtp=RTP, paused=paused
    )


def data_producer(producer_id: str, owner: str = "p", shard: str = "s") -> DataProducerFact:
    """Somebody's chat."""
    return DataProducerFact(data_producer=producer_id, participant=owner, shard=shard, label="chat", sctp=SCTP)


def want(shard: str, source: str, other: str = "s") -> WantFact:
    """A shard's wish."""
    return WantFact(shard=shard, other=other, source=source)


def end(shard: str, other: str, token: str, remote: str = "", *, data: bool = False) -> PipeEndFact:
    """One end of a pipe."""
    return PipeEndFact(shard=shard, other=other, data=data, token=token, remote=remote, ip="127.0.0.1", port=9)


def piped(shard: str, other: str, source: str, token: str, *, paused: bool = False) -> PipedFact:
    """What is sent over a pipe."""
    return PipedFact(shard=shard, other=other, source=source, token=token, rtp=RTP, paused=paused)
