"""What nodes write into each other's inboxes: which facts of a room have changed, and what is said. Sans-I/O.

It is JSON: ``{"v": 1, "n": 17, "node": …, "room": hash, "prev": 5, "seq": 6, "put": [fact …], "drop": [key …],
"say": [message …]}``. ``n`` counts what a node sends, so that nothing is taken twice. ``seq`` names the write in the
room that this tells of, and ``prev`` the last one before that had something for its reader, too: who does not know
``prev`` has missed something, and reads what the node says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from miso.cluster.directory.node_id import is_node_id
from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import MAX_BYTES, Id

VERSION: Final = 1
MAX_LETTER_BYTES: Final = 2 * MAX_BYTES
"""Of one letter; who has more to tell only says that something has changed."""
FIELD: Final = b"letter"
"""The field of a stream's entry that has a letter in it."""
READ_ALL: Final = -1
"""As ``prev``: what was known is to be read anew."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one node tells another one about a room.

    Attributes:
        n: Of all that the node has sent to anybody; greater than of what it has sent before.
        node: Who tells it.
        room: The room's hash.
        prev: The node's last write before that had something for the reader; 0: there was none; READ_ALL: what it says
            is to be read.
        seq: The node's write that this tells of; the same as ``prev``: nothing was written.
        put: Facts that came or changed.
        drop: Keys of facts that are gone.
        say: Messages.
        left: The node has left the room, with all that it said.
    """

    n: Number
    node: Id
    room: Id
    prev: Annotated[int, msgspec.Meta(ge=READ_ALL, le=2**53)]
    seq: Number
    put: list[msgspec.Raw] = msgspec.field(default_factory=list)
    drop: list[str] = msgspec.field(default_factory=list)
    say: list[msgspec.Raw] = msgspec.field(default_factory=list)
    left: bool = False


class _Head(msgspec.Struct):
    v: int


_HEAD = msgspec.json.Decoder(_Head)
_LETTER = msgspec.json.Decoder(Letter)
_ENCODER = msgspec.json.Encoder()
_OPENING = b'{"v":%d,' % VERSION


def encode_letter(letter: Letter) -> bytes:
    """Its JSON; one that is too long only says that the room is to be read, and leaves out the messages."""
    data = _OPENING + _ENCODER.encode(letter)[1:]
    if len(data) > MAX_LETTER_BYTES:
        short = Letter(n=letter.n, node=letter.node, room=letter.room, prev=READ_ALL, seq=letter.seq)
        return _OPENING + _ENCODER.encode(short)[1:]
    return data


def decode_letter(data: bytes) -> Letter:
    """Reads a letter; the facts and messages in it are read by who wants them.

    Raises:
        ParseError: It is not JSON, or not of that shape, or too long.
        UnknownKindError: A newer version wrote it.
    """
    if len(data) > MAX_LETTER_BYTES:
        raise ParseError(f"{len(data)} bytes of a letter, at most {MAX_LETTER_BYTES} are allowed")
    try:
        if _HEAD.decode(data).v > VERSION:
            raise UnknownKindError("a letter of a newer version")
        letter = _LETTER.decode(data)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"no letter: {str(error)[:200]}") from error
    if not is_node_id(letter.node):
        raise ParseError("a letter whose writer is no node")
    return letter


def letter_in(fields: Sequence[bytes]) -> bytes | None:
    """The letter among fields and values of a stream's entry; None: there is none."""
    for at in range(0, len(fields) - 1, 2):
        if fields[at] == FIELD:
            return fields[at + 1]
    return None
