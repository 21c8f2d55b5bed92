"""What nodes say of themselves: facts, each with one owner, and messages, which are over when they are said.

A *node* is one controller process. It writes only what is true of itself; a room is the union of what all nodes say.
On the wire a fact is JSON: ``{"v": 1, "k": "want", "shard": …}``, names in camelCase. Fields that are not known are
passed over, so that an older and a newer version of Miso can be in one cluster.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.shard_id import owner_of
from miso.controller.types import MediaKind, RtpParameters, SctpStreamParameters, SrtpParameters

VERSION: Final = 1
"""Raised when a fact changes its meaning; a field more needs no new version."""
MAX_BYTES: Final = 262_144
"""The longest fact or message, as JSON."""

Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
ShardId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern="^[^/]*$")]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Score: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10)]
SourceType: TypeAlias = Literal["simple", "simulcast", "svc", "pipe", "none"]


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="k"):
    """Base of all facts and messages."""


class WorkerLoad(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How busy a media worker is.

    Attributes:
        worker: Which one, as its host counts them.
        cpu: Share of one core, 0 to 1; more where it has threads.
        packets_per_s: What it forwards.
        shards: How many rooms have a part of them there.
    """

    worker: int
    cpu: Annotated[float, msgspec.Meta(ge=0, le=1024)]
    packets_per_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    shards: Count


class AddressUse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What clients of one address have on a node.

    Attributes:
        address: A keyed hash of it.
        peers: How many are connected.
        rooms: How many rooms were made for them.
    """

    address: Annotated[str, msgspec.Meta(min_length=16, max_length=64)]
    peers: Count = 0
    rooms: Count = 0


class NodeFact(Said, frozen=True, kw_only=True, tag="node"):
    """A node, of no room.

    Attributes:
        node: Its id: its name and something random, so that it has another one after a restart.
        name: What operators call it.
        region: Where it stands; "": not said.
        version: Of Miso.
        ip: Where other nodes reach its pipe transports.
        url: Where browsers reach it; "": they are never sent to it.
        draining: Whether it takes nobody new.
        rooms: How many rooms it has a part of.
        participants: How many are connected to it.
        workers: Its media workers.
        addresses: What addresses have there that have much.
    """

    node: Id
    name: Id
    region: Text = ""
    version: Text = ""
    ip: Id
    url: Text = ""
    draining: bool = False
    rooms: Count = 0
    participants: Count = 0
    workers: Annotated[list[WorkerLoad], msgspec.Meta(max_length=1024)] = msgspec.field(default_factory=list)
    addresses: Annotated[list[AddressUse], msgspec.Meta(max_length=1024)] = msgspec.field(default_factory=list)

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return "node"


class ShardFact(Said, frozen=True, kw_only=True, tag="shard"):
    """A part of a room: one router in one worker of the node.

    Attributes:
        shard: Its id, which no other one has, see :mod:`.shard_id`.
    """

    shard: ShardId

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"shard/{self.shard}"


class ParticipantFact(Said, frozen=True, kw_only=True, tag="participant"):
    """Somebody who is shown in the room.

    Attributes:
        participant: The id; who says the greatest ``stamp`` (of equals: the greatest node id) has it.
        shard: Where its media are.
        stamp: When it came, in milliseconds since 1970 by its host's clock, and greater than all that were seen.
        info: How it is shown to the others.
        secret_hash: SHA-256 of what it may prove itself with when it comes again, hexadecimal; "": nothing.
        proves: Whether it has shown that it knows the secret: then nobody has its place without it.
        flag: Who connects it: itself, a program, or the live side.
    """

    participant: Id
    shard: ShardId
    stamp: Count
    info: dict[str, Any]
    secret_hash: Text = ""
    proves: bool = False
    flag: Literal["peer", "broadcaster", "guest"] = "peer"

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"participant/{self.participant}"


class ProducerFact(Said, frozen=True, kw_only=True, tag="producer"):
    """Audio or video that a participant sends.

    Attributes:
        producer: The id.
        participant: Who sends.
        shard: Where it arrives.
        kind: Audio or video.
        type: Of the producer.
        rtp: Its consumable RTP parameters.
        paused: Whether it is paused.
        score: How well its streams arrive.
        app_data: What its participant has said of it.
    """

    producer: Id
    participant: Id
    shard: ShardId
    kind: MediaKind
    type: SourceType
    rtp: RtpParameters
    paused: bool = False
    score: Annotated[list[Score], msgspec.Meta(max_length=16)] = msgspec.field(default_factory=list)
    app_data: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"producer/{self.producer}"

    @property
    def id(self) -> str:
        """The producer's id."""
        return self.producer


class DataProducerFact(Said, frozen=True, kw_only=True, tag="data_producer"):
    """A data channel that a participant sends on.

    Attributes:
        data_producer: The id.
        participant: Who sends.
        shard: Where it arrives.
        label: The channel's name.
        protocol: What is spoken on it.
        sctp: Its SCTP stream; None for one of a direct transport.
        app_data: What its participant has said of it.
    """

    data_producer: Id
    participant: Id
    shard: ShardId
    label: Text = ""
    protocol: Text = ""
    sctp: SctpStreamParameters | None = None
    app_data: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"data_producer/{self.data_producer}"

    @property
    def id(self) -> str:
        """The data producer's id."""
        return self.data_producer


class WantFact(Said, frozen=True, kw_only=True, tag="want"):
    """A shard has consumers for what arrives at another one, or had some until a moment ago.

    Attributes:
        shard: Which one.
        other: Where the source arrives.
        source: The producer or data producer.
    """

    shard: ShardId
    other: ShardId
    source: Id

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"want/{self.shard}/{self.other}/{self.source}"


class PipeEndFact(Said, frozen=True, kw_only=True, tag="pipe"):
    """One end of the pipe between two shards.

    Attributes:
        shard: Whose end it is.
        other: Where the pipe leads.
        data: Data channels have a pipe of their own.
        token: Names this end; it has another one when it was made anew.
        remote: The token of the end that it is connected to; "": none yet.
        ip: Where it listens.
        port: Where it listens.
        srtp: With which keys it sends; None: without SRTP.
    """

    shard: ShardId
    other: ShardId
    data: bool
    token: Id
    remote: Annotated[str, msgspec.Meta(max_length=256)] = ""
    ip: Id
    port: Port
    srtp: SrtpParameters | None = None

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"pipe/{self.shard}/{self.other}/{'data' if self.data else 'media'}"


class PipedFact(Said, frozen=True, kw_only=True, tag="piped"):
    """What is sent over a pipe.

    Attributes:
        shard: Where it comes from.
        other: Where it goes to.
        source: The producer or data producer.
        token: The end of ``shard`` that it goes over.
        rtp: The streams on the pipe, of a producer.
        sctp: The stream on the pipe, of a data producer.
        paused: Whether the producer is paused.
    """

    shard: ShardId
    other: ShardId
    source: Id
    token: Id
    rtp: RtpParameters | None = None
    sctp: SctpStreamParameters | None = None
    paused: bool = False

    @property
    def key(self) -> str:
        """Names it among its owner's facts."""
        return f"piped/{self.shard}/{self.other}/{self.source}"


class Volume(NamedTuple):
    """How loud somebody is.

    Attributes:
        participant: Who.
        dbvo: -127 to 0.
    """

    participant: Id
    dbvo: Annotated[int, msgspec.Meta(ge=-127, le=0)]


class Volumes(Said, frozen=True, kw_only=True, tag="volumes"):
    """Who is loud in a shard, the loudest first; nobody: silence.

    Attributes:
        shard: Which one.
        loud: Who.
    """

    shard: ShardId
    loud: Annotated[list[Volume], msgspec.Meta(max_length=64)]


class Dominant(Said, frozen=True, kw_only=True, tag="dominant"):
    """Who leads the conversation among those of one shard.

    Attributes:
        shard: Which one.
        participant: Who.
    """

    shard: ShardId
    participant: Id


class Speakers(Said, frozen=True, kw_only=True, tag="speakers"):
    """Who speaks in the room, said by the one node that listens to all shards.

    Attributes:
        loud: Who is loud, the loudest first.
        leader: Who leads; "": nobody yet.
    """

    loud: Annotated[list[Volume], msgspec.Meta(max_length=64)]
    leader: Annotated[str, msgspec.Meta(max_length=256)] = ""


class BotWords(Said, frozen=True, kw_only=True, tag="bot"):
    """What the bot answers to the whole room.

    Attributes:
        text: The words.
    """

    text: Annotated[str, msgspec.Meta(max_length=4096)]


RoomFact: TypeAlias = ShardFact | ParticipantFact | ProducerFact | DataProducerFact | WantFact | PipeEndFact | PipedFact
"""What is true of a node in one room."""
Source: TypeAlias = ProducerFact | DataProducerFact
"""What can be sent from one shard to others."""
Message: TypeAlias = Volumes | Dominant | Speakers | BotWords
"""What nodes tell each other in a room; who does not hear it has missed nothing that lasts."""

_BETWEEN_TWO: Final = frozenset({"want", "pipe", "piped"})


def parties(key: str) -> tuple[str, str] | None:
    """Between which two shards the fact of that key is, the one that says it first; None: it is for all in the room.

    What is between two is told to nobody but the node of the other one: what a node is told of a room does not grow
    with the square of the room's nodes.
    """
    parts = key.split("/", 3)
    return (parts[1], parts[2]) if len(parts) == 4 and parts[0] in _BETWEEN_TWO else None


def addressee(key: str) -> str | None:
    """The node that a fact of that key is for; None: all in the room."""
    shards = parties(key)
    return None if shards is None else owner_of(shards[1])


SaidT = TypeVar("SaidT", NodeFact, RoomFact, Message)


class _Head(msgspec.Struct):
    k: str
    v: int


_HEAD = msgspec.json.Decoder(_Head)
_NODE = msgspec.json.Decoder(NodeFact)
_FACT: msgspec.json.Decoder[RoomFact] = msgspec.json.Decoder(RoomFact)
_MESSAGE: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_ENCODER = msgspec.json.Encoder()
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_OPENING = b'{"v":%d,' % VERSION

_FACT_KINDS: Final = frozenset({"shard", "participant", "producer", "data_producer", "want", "pipe", "piped"})
_MESSAGE_KINDS: Final = frozenset({"volumes", "dominant", "speakers", "bot"})


def encode(said: NodeFact | RoomFact | Message) -> bytes:
    """Its JSON.

    Raises:
        ParseError: It is longer than :data:`MAX_BYTES`, or no JSON can say it: half a character, too many brackets.
    """
    try:
        data = _OPENING + _ENCODER.encode(said)[1:]
    except (ValueError, RecursionError) as error:
        raise ParseError(f"a fact that cannot be said: {str(error)[:200]}") from error
    if len(data) > MAX_BYTES:
        raise ParseError(f"{len(data)} bytes of a fact, at most {MAX_BYTES} are allowed")
    return data


def decode_node(data: bytes) -> NodeFact:
    """What a node says of itself.

    Raises:
        ParseError: It is not JSON, or not of that shape, or longer than :data:`MAX_BYTES`.
        UnknownKindError: A newer version wrote it.
    """
    return _decode(data, _NODE, frozenset({"node"}))


def decode_fact(data: bytes) -> RoomFact:
    """What a node says of itself in a room.

    Raises:
        ParseError: It is not JSON, or not of that shape, or longer than :data:`MAX_BYTES`.
        UnknownKindError: A newer version wrote it.
    """
    return _decode(data, _FACT, _FACT_KINDS)


def decode_message(data: bytes) -> Message:
    """What a node tells the others in a room.

    Raises:
        ParseError: It is not JSON, or not of that shape, or longer than :data:`MAX_BYTES`.
        UnknownKindError: A newer version wrote it.
    """
    return _decode(data, _MESSAGE, _MESSAGE_KINDS)


def _check_numbers(data: bytes) -> None:
    """Refuses integers of more than 64 bits: what tells browsers of this fact could not write them.

    Raises:
        ValueError: There is one.
    """
    left = [msgspec.json.decode(data)]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise ValueError("an integer of more than 64 bits")


def _decode(data: bytes, decoder: msgspec.json.Decoder[SaidT], kinds: frozenset[str]) -> SaidT:
    if len(data) > MAX_BYTES:
        raise ParseError(f"{len(data)} bytes of a fact, at most {MAX_BYTES} are allowed")
    try:
        head = _HEAD.decode(data)
        if head.v > VERSION or head.k not in kinds:
            raise UnknownKindError(f"a fact of kind {head.k[:32]!r} in version {head.v}")
        if _LONG_NUMBER.search(data):
            _check_numbers(data)
        return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # of wrong UTF-8, wrong JSON, wrong shape; too many brackets
        raise ParseError(f"no fact: {str(error)[:200]}") from error
