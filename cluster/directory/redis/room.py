"""What one node says about a room, and hears of it, over Redis: what is to be written and read next. Sans-I/O.

A write has a number. The facts of a node in a room are in Redis together with the number of the last write, and each
letter names the write before that had something for its reader: who misses something notices it, and reads what that
node says. What is between two shards is for the node of the other one alone: nobody else gets a letter of it, or reads
it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from miso.cluster.directory.directory import Watcher
from miso.cluster.directory.redis.inbox import READ_ALL, Letter
from miso.cluster.directory.redis.marks import Marks
from miso.cluster.directory.room_view import RoomView
from miso.cluster.directory.said_bytes import SaidBytes
from miso.cluster.errors import DirectoryAwayError, ParseError, UnknownKindError
from miso.cluster.facts import Message, RoomFact, addressee, decode_fact, decode_message, encode

MAX_UNSENT: Final = 1_000
"""With more changes than this that are not written yet, all facts are written anew."""
MAX_UNSAID: Final = 64
"""So many messages wait to be sent; then the oldest are forgotten."""


class Port(Protocol):
    """What a room needs of its directory."""

    def wake(self, room: Room) -> None:
        """There is something to write or to read."""

    def left(self, room: Room) -> None:
        """This node has left; Redis is still to be told."""

    def gone(self, room: Room) -> None:
        """This node has left, and Redis knows it."""

    def is_entered_again(self, room: Room) -> bool:
        """Whether this node, which has left, has come in anew: what is in Redis is what it says now."""

    def next_number(self) -> int:
        """A number for a write: greater than all before."""

    def is_live(self, node: str) -> bool:
        """Whether that node lives, as far as is known."""

    @property
    def has_grace(self) -> bool:
        """Whether Redis was away a moment ago, and others may need some time to say again what they say."""

    def not_kept(self, room: Room, key: str, reason: str) -> None:
        """An own fact or message cannot be kept for the others."""


@dataclass(frozen=True, slots=True)
class Write:
    """What is to be written of a room.

    Attributes:
        room: Which one.
        mode: The last write, which has to be there; ``all``: all facts, whatever was there; ``leave``: nothing is left.
        seq: The number of this write.
        puts: Facts, as JSON, by key.
        drops: Keys of facts that are gone.
        prev: What others have to know so that ``puts`` and ``drops`` are all that is new to them.
        prevs: What single nodes have to know instead: something later was for them alone.
        marks: What is kept beside the facts: which write was the last that was for all, or for some node.
        unmarks: Keys of marks that say nothing any more.
        says: Messages.
    """

    room: Room
    mode: str
    seq: int
    puts: Mapping[str, bytes]
    drops: Sequence[str]
    prev: int
    prevs: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, bytes] = field(default_factory=dict)
    unmarks: Sequence[str] = ()
    says: Sequence[bytes] = ()

    @property
    def is_told(self) -> bool:
        """Whether other nodes have to know of it."""
        return bool(self.mode in ("all", "leave") or self.puts or self.drops or self.says)

    @property
    def is_look(self) -> bool:
        """Whether it is time to look at what everybody else says."""
        return self.mode == "all" or not (self.puts or self.drops)


class Room:
    """One room, of one node.

    Attributes:
        name: The room's name.
        hash: What stands for it in Redis.
        view: What is known of it.
        members: The nodes in it, as Redis said last.
        refresh_at_s: When it is to be refreshed.
    """

    def __init__(
        self,
        port: Port,
        node: str,
        name: str,
        hash_: str,
        watcher: Watcher,
        refused: Counter[str],
        sync_s: float,
        said_bytes: SaidBytes | None = None,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Entered; nothing is written or read yet.

        Args:
            port: The directory.
            node: Its node.
            name: The room's name.
            hash_: What stands for it in Redis.
            watcher: Who is told.
            refused: Where it is counted what is not believed.
            sync_s: How long ``synced`` waits.
            said_bytes: How much others say to this node; None: in this room only.
            on_refused: Told, for the log, what is not believed.
        """
        self.name = name
        self.hash = hash_
        self.view = RoomView(node, name, watcher, refused, said_bytes, on_refused)
        self.members: set[str] = set()
        self.refresh_at_s = 0.0
        self._port = port
        self._node = node
        self._refused = refused
        self._sync_s = sync_s
        self._seq = 0  # of the last write that Redis has taken
        self._marks = Marks()
        self._unsent: dict[str, None] = {}  # keys of facts that are not written
        self._unsaid: deque[bytes] = deque(maxlen=MAX_UNSAID)
        self._writes_all = True
        self._first_prev = 0
        self._checks = False
        self._known: dict[str, int] = {}  # of other nodes: the write up to which their facts are known
        self._to_read: set[str] = set()
        self._anew: set[str] = set()  # of these all is to be read, whatever is known
        self._put_off: set[str] = set()  # these are read later: they have cost too much
        self._gone: set[str] = set()  # since others were asked for last: an answer of such a node is of before
        self._is_left = False
        self._synced = asyncio.Event()

    # what the room's owner does

    def put(self, fact: RoomFact) -> None:
        if not self._is_left and self.view.put(fact):
            self._unsaved(fact.key)

    def drop(self, key: str) -> None:
        if not self._is_left and self.view.drop(key):
            self._unsaved(key)

    def say(self, message: Message) -> None:
        if self._is_left:
            return
        try:
            self._unsaid.append(encode(message))
        except (ParseError, UnicodeEncodeError) as error:
            self._port.not_kept(self, "message", str(error))
        else:
            self._port.wake(self)

    async def synced(self) -> None:
        try:
            async with asyncio.timeout(self._sync_s):
                await self._synced.wait()
        except TimeoutError:
            raise DirectoryAwayError("what other hosts say of this room is not known: Redis does not answer") from None

    def leave(self) -> None:
        if self._is_left:
            return
        self._is_left = True
        self.view.close()
        self._unsaid.clear()
        self._to_read.clear()
        self._put_off.clear()
        self._port.left(self)

    # writing

    def write_all(self, *, was_there: bool = False) -> None:
        """Redis does not have, or may not have, what this node says: all of it is written.

        Args:
            was_there: This node was in the room shortly before, which others may know.
        """
        self._writes_all = True
        if was_there:
            self._first_prev = READ_ALL
        self._unsent.clear()
        self._port.wake(self)

    def check(self) -> None:
        """Refreshes what Redis has, and finds out whether that is all there and who else is."""
        self._checks = True
        self._port.wake(self)

    def forget_says(self) -> None:
        """Nobody can hear it in time."""
        self._unsaid.clear()

    def next_write(self) -> Write | None:
        """What is to be written now; None: nothing. One write is on its way at a time."""
        if self._is_left:
            if self._port.is_entered_again(self):  # leaving has failed, and would end now what was written since
                return None
            return Write(self, "leave", self._port.next_number(), {}, (), self._seq or READ_ALL)
        says = tuple(self._unsaid)
        self._unsaid.clear()
        if self._writes_all:
            self._writes_all = self._checks = False
            self._unsent.clear()
            prev = READ_ALL if self._seq else self._first_prev
            seq = self._port.next_number()
            marks = self._marks.wrote_all(seq)
            return Write(self, "all", seq, self._encoded(self.view.own), (), prev, marks=marks, says=says)
        if self._unsent:
            return self._next_changes(says)
        prev, prevs = self._marks.known
        if self._checks:
            self._checks = False
            unmarks = self._marks.to_remove()
            return Write(self, str(self._seq), self._seq, {}, (), prev, prevs, unmarks=unmarks, says=says)
        if says:
            return Write(self, "", self._seq, {}, (), prev, prevs, says=says)
        return None

    def _next_changes(self, says: Sequence[bytes]) -> Write:
        keys = list(self._unsent)
        self._unsent.clear()
        self._checks = False
        drops = [key for key in keys if key not in self.view.own and _is_text(key)]
        puts = self._encoded(key for key in keys if key in self.view.own)
        drops += [key for key in keys if key in self.view.own and key not in puts and _is_text(key)]
        seq = self._port.next_number()
        prev, prevs = self._marks.known
        marks = self._marks.wrote(seq, {addressee(key) for key in (*puts, *drops)})
        return Write(self, str(self._seq), seq, puts, drops, prev, prevs, marks, self._marks.to_remove(), says)

    def written(self, write: Write, members: set[str]) -> None:
        """Redis has taken it, and says who is in the room."""
        if write.mode == "leave":
            self._port.gone(self)
            return
        self._seq = write.seq
        self.members = members
        if write.is_look:
            self._to_read |= (members | set(self.view.others)) - {self._node}
            self._marks.forget(lambda node: node not in members and not self._port.is_live(node))

    @property
    def has_work(self) -> bool:
        """Whether there is something to write or to read."""
        return not self._is_left and bool(
            self._writes_all or self._unsent or self._unsaid or self._checks or self._to_read
        )

    # reading

    def next_reads(self) -> dict[str, int]:
        """Whose facts are to be read, and up to which write they are known; 0: not at all."""
        nodes, self._to_read = self._to_read, set()
        anew, self._anew = self._anew & nodes, self._anew - nodes
        self._gone.clear()
        return {node: 0 if node in anew else self._known.get(node, 0) for node in nodes}

    def read_anew(self) -> None:
        """The others may have taken this node for gone, and not have marked what was for it: all is read."""
        self._anew = set(self._known)
        self._to_read |= self._anew
        self._port.wake(self)

    def put_off(self, node: str, asked: int) -> bool:
        """It is not read now. Whether it was to be read for the first time since it was read.

        Args:
            node: Which one.
            asked: What was known of it when it was to be asked for.
        """
        if not asked:
            self._anew.add(node)
        is_first = node not in self._put_off
        self._put_off.add(node)
        return is_first

    def try_put_off(self) -> None:
        """What was put off is read, if it may be."""
        self._to_read |= self._put_off

    def read_failed(self, node: str) -> None:
        """It is to be read again."""
        self._to_read.add(node)

    def read(self, node: str, asked: int, reply: Sequence[bytes | int]) -> None:
        """Redis has given what a node says.

        Args:
            node: Which one.
            asked: What was known of it when it was asked for.
            reply: As the script gives it.
        """
        self._put_off.discard(node)
        if node in self._gone:  # it may have come back meanwhile, and that would be seen at the next refresh only
            self._to_read.add(node)
            return
        known = self._known.get(node, 0)
        seq = _number(reply[0]) if reply else 0
        if seq < known:
            if known != asked:  # a letter was faster
                self._to_read.add(node)
                return
            if seq or self._port.has_grace:  # Redis has lost something, and gets it again from that node
                return
        if not seq:
            self._known.pop(node, None)
            self.view.forget(node)
            return
        self._known[node] = seq
        if len(reply) < 2:  # nothing new
            return
        for reason, count in zip(("too long", "too many facts"), reply[1:3], strict=False):
            if isinstance(count, int) and count > 0:
                self._refused[reason] += count
        facts: dict[str, RoomFact] = {}
        sizes_bytes: dict[str, int] = {}
        for key, value in zip(reply[4::2], reply[5::2], strict=False):
            fact = self._fact(value)
            if fact is not None and fact.key.encode(errors="replace") == key:
                facts[fact.key] = fact
                sizes_bytes[fact.key] = len(value) if isinstance(value, bytes) else 0
            elif fact is not None:
                self._refused["fact under another key"] += 1
        self._show(node)
        self.view.learn_all(node, facts, sizes_bytes)

    def all_read(self) -> None:
        """All that was to be read now was read, and it is known who lives: those who do not are forgotten."""
        if self._to_read or not self._seq:
            return
        for node in [node for node in self.view.others if not self._port.is_live(node)]:
            self.ended(node)
        self._synced.set()

    @property
    def has_hidden(self) -> bool:
        """Whether something is known of nodes of which it is not known whether they live."""
        return any(not self._port.is_live(node) for node in self.view.others)

    def hear(self, letter: Letter) -> None:
        """Another node has told something."""
        node = letter.node
        if letter.left:
            self._known.pop(node, None)
            self._to_read.discard(node)
            self._put_off.discard(node)
            self._gone.add(node)
            self.members.discard(node)
            self.view.forget(node)
            return
        self.members.add(node)
        known = self._known.get(node, 0)
        if letter.seq > known:
            has_missed = letter.prev > known or letter.prev == READ_ALL or (letter.prev == 0 and known > 0)
            if not has_missed:
                self._take(letter)
            elif node not in self._put_off:
                self._to_read.add(node)
                self._port.wake(self)
        for raw in letter.say:
            try:
                message = decode_message(bytes(raw))
            except (ParseError, UnknownKindError) as error:
                self._not_believed(error)
            else:
                self.view.hear(node, message)

    def ended(self, node: str) -> None:
        """That node does not live any more."""
        self._known.pop(node, None)
        self._to_read.discard(node)
        self._put_off.discard(node)
        self._gone.add(node)
        self.view.forget(node)

    def came(self, node: str) -> None:
        """That node lives."""
        if node in self.view.others:
            self.view.show(node)
        elif node in self.members:  # it was taken for gone, with all that it said
            self._to_read.add(node)
            self._port.wake(self)

    # private

    def _unsaved(self, key: str) -> None:
        if not self._writes_all:
            self._unsent[key] = None
            if len(self._unsent) > MAX_UNSENT:
                self.write_all()
        self._port.wake(self)

    def _encoded(self, keys: Iterable[str]) -> dict[str, bytes]:
        encoded = {}
        for key in keys:
            try:
                key.encode()
                encoded[key] = encode(self.view.own[key])
            except (ParseError, UnicodeEncodeError) as error:
                self._port.not_kept(self, key, str(error))
        return encoded

    def _show(self, node: str) -> None:
        if self._port.is_live(node):
            self.view.show(node)

    def _take(self, letter: Letter) -> None:
        node = letter.node
        self._known[node] = letter.seq
        self._show(node)
        for key in letter.drop:
            self.view.learn(node, key, None)
        for raw in letter.put:
            fact = self._fact(bytes(raw))
            if fact is not None:
                self.view.learn(node, fact.key, fact, len(bytes(raw)))
        if not self._port.is_live(node):
            self._port.wake(self)  # to find out whether it does

    def _fact(self, data: bytes | int) -> RoomFact | None:
        try:
            return decode_fact(data if isinstance(data, bytes) else b"")
        except (ParseError, UnknownKindError) as error:
            self._not_believed(error)
            return None

    def _not_believed(self, error: ParseError | UnknownKindError) -> None:
        self._refused["newer version" if isinstance(error, UnknownKindError) else "no fact"] += 1


def _is_text(key: str) -> bool:
    """Whether it can be said in UTF-8, which half of a pair of surrogates cannot."""
    return not any("\ud800" <= sign <= "\udfff" for sign in key)


def _number(data: bytes | int) -> int:
    """A write's number; 0: it is none."""
    text = data if isinstance(data, bytes) else b""
    return int(text) if text.isdigit() and len(text) <= 16 else 0


def letter_of(write: Write, number: int, node: str, to: str) -> Letter | None:
    """What another node is told of a write; None: there is nothing for it.

    Args:
        write: What was written.
        number: Of the letter.
        node: Who writes it.
        to: Who is to read it.
    """
    puts = [msgspec.Raw(data) for key, data in write.puts.items() if addressee(key) in (None, to)]
    drops = [key for key in write.drops if addressee(key) in (None, to)]
    is_new = bool(puts or drops or write.mode in ("all", "leave"))
    if not is_new and not write.says:
        return None
    prev = write.prevs.get(to, write.prev)
    return Letter(
        n=number,
        node=node,
        room=write.room.hash,
        prev=prev,
        seq=write.seq if is_new else prev,
        put=puts,
        drop=drops,
        say=[msgspec.Raw(data) for data in write.says],
        left=write.mode == "leave",
    )
