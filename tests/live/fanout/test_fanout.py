"""The ring that is sent to many sockets."""

from __future__ import annotations

import gc
import random
import socket
import struct
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miso.live.fanout.fanout import Fanout
from miso.live.fanout.place import Place

RESTART = 1_000_000


def framed(number: int, size: int = 20) -> bytes:
    return struct.pack("!II", number, size) + bytes(size)


def numbers(data: bytes | bytearray) -> list[int]:
    """Which packets are in what a player has received; a packet that is cut off fails."""
    found, at = [], 0
    while at < len(data):
        number, size = struct.unpack_from("!II", data, at)
        assert data[at + 8 : at + 8 + size] == bytes(size)
        assert at + 8 + size <= len(data), "a packet is cut off"
        found.append(number)
        at += 8 + size
    return found


class Viewer:
    """A player, and the other end of its socket."""

    def __init__(self, fanout: Fanout, *, fast: bool = True, hold_audio: bool = True, before: bytes = b"") -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        self.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for end in (self.ours, self.theirs):
            end.setblocking(False)
        self.player = Place(self.ours.fileno())
        self.got = bytearray()
        fanout.add(self.player, before, fast=fast, hold_audio=hold_audio)

    def read(self, size: int = 1 << 20) -> int:
        try:
            data = self.theirs.recv(size)
        except BlockingIOError:
            return 0
        self.got += data
        return len(data)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def add(fanout: Fanout, number: int, *, size: int = 20, video: bool = True, key: bool = False) -> None:
    whole = framed(number, size)
    fanout.append((whole[:8], (whole, 8, len(whole))), is_video=video, is_key=key)


def drain(fanout: Fanout, viewer: Viewer) -> None:
    while viewer.read() or viewer.player.blocked_since_us:
        if viewer.player.blocked_since_us:
            fanout.resume(viewer.player, 1)


def test_everybody_gets_every_packet_in_order() -> None:
    fanout = Fanout(100, 1 << 20)
    viewers = [Viewer(fanout, before=framed(RESTART)) for _ in range(5)]
    for number in range(30):
        add(fanout, number, key=number == 0)
        assert fanout.flush(1) == (None, None)
        for viewer in viewers:
            drain(fanout, viewer)
    for viewer in viewers:
        assert numbers(viewer.got) == [RESTART, *range(30)]
        assert viewer.player.sent_bytes == len(viewer.got)
        viewer.close()


def test_a_player_who_comes_later_begins_fast_with_the_latest_key_frame_or_with_the_next() -> None:
    fanout = Fanout(100, 1 << 20)
    for number in range(10):
        add(fanout, number, key=number in (0, 6))
    fast = Viewer(fanout)
    patient = Viewer(fanout, fast=False)
    for number in range(10, 14):
        add(fanout, number, key=number == 12)
    fanout.flush(1)
    drain(fanout, fast)
    drain(fanout, patient)
    assert numbers(fast.got) == list(range(6, 14))
    assert numbers(patient.got) == [12, 13]


def test_sound_goes_before_the_first_key_frame_only_where_that_is_wanted() -> None:
    fanout = Fanout(100, 1 << 20)
    add(fanout, 0, key=True)
    live = Viewer(fanout, fast=False, hold_audio=False)
    held = Viewer(fanout, fast=False, hold_audio=True)
    for number in range(1, 9):
        add(fanout, number, video=number % 2 == 0, key=number == 6)
    fanout.flush(1)
    for viewer in (live, held):
        drain(fanout, viewer)
    assert numbers(live.got) == [1, 3, 5, 6, 7, 8]
    assert numbers(held.got) == [6, 7, 8]


def test_a_player_who_wants_no_pictures_gets_none() -> None:
    fanout = Fanout(100, 1 << 20)
    viewer = Viewer(fanout)
    viewer.player.wants_video = False
    for number in range(6):
        add(fanout, number, video=number % 2 == 0, key=number == 0)
    fanout.flush(1)
    drain(fanout, viewer)
    assert numbers(viewer.got) == [1, 3, 5]
    assert viewer.player.skipped_packets == 3


def test_a_slow_player_is_overtaken_and_begins_anew_with_configuration_and_key_frame() -> None:
    fanout = Fanout(8, 1 << 20)
    fanout.video_restart = framed(RESTART)
    slow = Viewer(fanout)
    quick = Viewer(fanout)
    for number in range(200):
        add(fanout, number, size=1_000, key=number % 5 == 0)
        fanout.flush(1)
        drain(fanout, quick)
    assert slow.player.blocked_since_us == 1
    drain(fanout, slow)
    got = numbers(slow.got)
    gap = got.index(RESTART)
    assert got[:gap] == list(range(gap))
    assert got[gap + 1] % 5 == 0
    assert got[gap + 1 :] == list(range(got[gap + 1], 200))
    assert slow.player.restarts == 1
    assert slow.player.skipped_packets == got[gap + 1] - gap
    assert numbers(quick.got) == list(range(200))


def test_a_frozen_player_costs_no_memory_however_much_is_sent() -> None:
    fanout = Fanout(8, 10_000)
    viewer = Viewer(fanout, before=framed(RESTART))
    for number in range(1_000):
        add(fanout, number, size=1_000, key=number % 5 == 0)
        fanout.flush(number + 1)
    assert fanout.size_bytes <= 10_000
    assert viewer.player.waiting_bytes <= 2_000
    assert fanout.blocked_before(900) == [viewer.player]


def test_a_broken_socket_is_told_once_and_disturbs_nobody() -> None:
    fanout = Fanout(8, 1 << 20)
    broken, well = Viewer(fanout), Viewer(fanout)
    broken.theirs.close()
    add(fanout, 0, key=True)
    assert fanout.flush(1) == (None, [broken.player])
    assert broken.player.error
    add(fanout, 1)
    assert fanout.flush(1) == (None, None)
    fanout.remove(broken.player)
    drain(fanout, well)
    assert numbers(well.got) == [0, 1]
    assert fanout.players == 1


def test_nobody_begins_before_a_change_of_configuration() -> None:
    fanout = Fanout(8, 1 << 20)
    add(fanout, 0, key=True)
    fanout.forget_key()
    viewer = Viewer(fanout)
    add(fanout, 1)
    add(fanout, 2, key=True)
    fanout.flush(1)
    drain(fanout, viewer)
    assert numbers(viewer.got) == [2]


def test_a_packet_of_many_parts_arrives_whole() -> None:
    fanout = Fanout(8, 1 << 20)
    viewer = Viewer(fanout)
    whole = framed(7, 1_000)
    fanout.append(tuple((whole, at, at + 4) for at in range(0, len(whole), 4)), is_video=False, is_key=True)
    fanout.flush(1)
    drain(fanout, viewer)
    assert numbers(viewer.got) == [7]


def test_payloads_are_shared_and_let_go() -> None:
    fanout = Fanout(2, 1 << 20)
    payload = bytes(bytearray(range(200)))
    before = sys.getrefcount(payload)
    fanout.append((payload, (payload, 3, 9)), is_video=False, is_key=True)
    assert sys.getrefcount(payload) > before
    add(fanout, 1)
    add(fanout, 2)
    gc.collect()
    assert sys.getrefcount(payload) == before


@pytest.mark.parametrize(
    "parts", [(), (b"",), ((b"abc", 1, 4),), ((b"abc", 2, 1),), ((b"abc", -1, 2),), (bytearray(2),), (None,)]
)
def test_parts_that_are_none_are_refused(parts: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Fanout(2, 100).append(parts, is_video=False, is_key=True)  # type: ignore[arg-type]


@given(st.data())
def test_whatever_players_do_they_get_whole_packets_in_order_and_begin_with_key_frames(data: st.DataObject) -> None:
    fanout = Fanout(data.draw(st.integers(1, 12)), data.draw(st.integers(100, 30_000)))
    fanout.video_restart = framed(RESTART)
    viewers: list[Viewer] = []
    kinds: list[str] = []
    for number in range(data.draw(st.integers(1, 60))):
        video = data.draw(st.booleans())
        key = video and data.draw(st.integers(0, 3)) == 0
        kinds.append("key" if key else "picture" if video else "sound")
        add(fanout, number, size=data.draw(st.integers(0, 3_000)), video=video, key=key)
        if data.draw(st.integers(0, 9)) == 0:
            viewers.append(Viewer(fanout, fast=data.draw(st.booleans()), hold_audio=True))
        if data.draw(st.booleans()):
            fanout.flush(number + 1)
        for viewer in viewers:
            if data.draw(st.booleans()):
                viewer.read(data.draw(st.integers(1, 5_000)))
                if viewer.player.blocked_since_us:
                    fanout.resume(viewer.player, number + 1)
    fanout.flush(100)
    for viewer in viewers:
        drain(fanout, viewer)
        check(numbers(viewer.got), kinds, viewer.player.restarts)
        viewer.close()


def check(got: list[int], kinds: list[str], restarts: int) -> None:
    """Whole and in order; what is missing, no decoder misses."""
    packets = [number for number in got if number != RESTART]
    assert packets == sorted(set(packets))
    assert got.count(RESTART) <= restarts
    before = None
    has_pictures = False
    for number in got:
        if number == RESTART:
            has_pictures = False
            continue
        if kinds[number] == "picture":
            assert has_pictures, "begins with a picture that needs another"
        has_pictures = has_pictures or kinds[number] == "key"
        if before is not None and before != RESTART and has_pictures:
            assert kinds[number] == "key" or number == before + 1, "something is missing without a new beginning"
        before = number


def test_what_one_player_is_told_stands_between_its_packets() -> None:
    fanout = Fanout(4, 1 << 20)
    told, other = Viewer(fanout), Viewer(fanout)
    add(fanout, 0, size=300_000, key=True)
    fanout.flush(1)
    assert 0 < told.player.sent_bytes < 300_000
    fanout.say(told.player, framed(RESTART))
    add(fanout, 1)
    fanout.flush(1)
    for viewer in (told, other):
        drain(fanout, viewer)
        fanout.flush(1)
        drain(fanout, viewer)
    assert numbers(told.got) == [0, RESTART, 1]
    assert numbers(other.got) == [0, 1]
    fanout.say(told.player, framed(RESTART + 1))
    fanout.flush(1)
    drain(fanout, told)
    assert numbers(told.got) == [0, RESTART, 1, RESTART + 1]


def test_what_a_player_is_told_outlives_its_being_overtaken() -> None:
    fanout = Fanout(3, 1 << 20)
    fanout.video_restart = framed(RESTART)
    viewer = Viewer(fanout)
    add(fanout, 0, size=300_000, key=True)
    fanout.flush(1)
    for number in range(1, 5):
        add(fanout, number, key=True)
    fanout.flush(1)
    fanout.say(viewer.player, framed(RESTART + 1))
    for number in range(5, 10):
        add(fanout, number, key=True)
    drain(fanout, viewer)
    fanout.flush(1)
    drain(fanout, viewer)
    got = numbers(viewer.got)
    assert got[0] == 0
    assert got.count(RESTART + 1) == 1
    assert got[-2:] == [RESTART, 9]


def test_who_begins_anew_gets_configurations_and_the_next_key_frame() -> None:
    fanout = Fanout(100, 1 << 20)
    fanout.video_restart = framed(RESTART)
    viewer = Viewer(fanout)
    add(fanout, 0, key=True)
    fanout.flush(1)
    viewer.player.wants_video = viewer.player.wants_audio = False
    add(fanout, 1)
    fanout.flush(1)
    viewer.player.wants_video = viewer.player.wants_audio = True
    fanout.begin_anew(viewer.player)
    add(fanout, 2)
    add(fanout, 3, video=False)
    add(fanout, 4, key=True)
    add(fanout, 5)
    fanout.flush(1)
    drain(fanout, viewer)
    assert numbers(viewer.got) == [0, RESTART, 3, 4, 5]


def test_a_flush_in_turns_comes_to_every_player_once() -> None:
    fanout = Fanout(100, 1_000_000)
    pairs = [socket.socketpair() for _ in range(5)]
    players = []
    for near, _ in pairs:
        near.setblocking(False)
        players.append(Place(near.fileno()))
        fanout.add(players[-1], b"", fast=False, hold_audio=False)
    fanout.append((b"sound",), is_video=False, is_key=True)
    turns = 0
    while turns == 0 or not fanout.is_flushed:
        fanout.flush(0, 1)  # a send takes longer than that
        turns += 1
        if turns == 2:
            fanout.remove(players[0])  # who has had its turn, is not in the way of the others
    assert turns >= 3
    assert [far.recv(100) for _, far in pairs] == [b"sound"] * 5
    fanout.append((b"more",), is_video=False, is_key=True)
    assert fanout.flush(0) == (None, None)
    assert fanout.is_flushed
    assert [far.recv(100) for _, far in pairs[1:]] == [b"more"] * 4
    for near, far in pairs:
        near.close()
        far.close()


ACTS = (*("append",) * 6, *("flush",) * 3, *("read",) * 3, "join", "say", "want", "anew", "drop", "forget", "leave")
TOLD = 2_000_000
TRACKS = 256
CUTS = (0, 1, 62, 63, 64, 65, 90, 3 * TRACKS)
"""Of a packet into its parts: around what one send takes, and up to a body of so many tracks."""


@given(st.data())
def test_in_any_order_of_whatever_may_happen_everybody_gets_whole_packets(data: st.DataObject) -> None:
    """What is told comes once and in its order; a socket's number goes to another player once its first has left."""
    whatever_happens(data, 80, (0, 100, 5_000, 300_000))


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_so_it_is_with_frames_of_ten_megabytes(data: st.DataObject) -> None:
    whatever_happens(data, 16, (100, 10_000_000))


def whatever_happens(data: st.DataObject, steps: int, sizes: Sequence[int]) -> None:
    fanout = Fanout(data.draw(st.integers(1, 40)), data.draw(st.sampled_from((2_000, 100_000, 50_000_000))))
    dice = random.Random(data.draw(st.integers(0, 1 << 32)))
    fanout.video_restart = framed(RESTART)
    fanout.audio_restart = framed(RESTART + 1)
    viewers: list[Viewer] = []
    told: dict[int, list[int]] = {}
    written = said = 0
    for now_us in range(1, data.draw(st.integers(2, steps))):
        act = data.draw(st.sampled_from(ACTS))
        if act == "append":
            size = data.draw(st.sampled_from(sizes))
            video = data.draw(st.booleans())
            whole = framed(written, size)
            cuts = sorted(dice.randint(0, len(whole)) for _ in range(data.draw(st.sampled_from(CUTS))))
            parts = tuple((whole, *ends) for ends in zip([0, *cuts], [*cuts, len(whole)], strict=True))
            is_key = data.draw(st.booleans())
            fanout.append(parts, is_video=video, is_key=is_key, is_config=not is_key and data.draw(st.booleans()))
            written += 1
        elif act == "flush":
            blocked, broken = fanout.flush(now_us, data.draw(st.sampled_from((0, 1))))
            assert broken is None
            assert all(place.blocked_since_us for place in blocked or ())
        elif act == "join":
            viewers.append(Viewer(fanout, fast=data.draw(st.booleans()), hold_audio=data.draw(st.booleans())))
            told[id(viewers[-1])] = []
        elif act == "drop":
            fanout.drop_oldest()
        elif act == "forget":
            fanout.forget_key()
        elif viewers:
            viewer = data.draw(st.sampled_from(viewers))
            if act == "read":
                viewer.read(data.draw(st.sampled_from((1, 1_000, 1 << 20))))
                if viewer.player.blocked_since_us:
                    fanout.resume(viewer.player, now_us)
            elif act == "say":
                fanout.say(viewer.player, framed(TOLD + said, data.draw(st.sampled_from((0, 60_000)))))
                told[id(viewer)].append(TOLD + said)
                said += 1
            elif act == "want":
                viewer.player.wants_audio, viewer.player.wants_video = (
                    data.draw(st.booleans()),
                    data.draw(st.booleans()),
                )
            elif act == "anew":
                fanout.begin_anew(viewer.player)
            else:
                viewers.remove(viewer)
                fanout.remove(viewer.player)
                viewer.close()
        assert fanout.players == len(viewers)
        assert fanout.kept_bytes >= fanout.size_bytes >= 0
    while not fanout.is_flushed:  # who has had its turn in the last flush, gets the rest with another one
        fanout.flush(100)
    while fanout.flush(100) != (None, None):
        for viewer in viewers:
            drain(fanout, viewer)
    for viewer in viewers:
        drain(fanout, viewer)
        got = numbers(viewer.got)
        packets = [number for number in got if number < RESTART]
        assert packets == sorted(set(packets))
        assert [number for number in got if number >= TOLD] == told[id(viewer)]
        assert viewer.player.sent_bytes == len(viewer.got)
        assert viewer.player.waiting_bytes == 0
        viewer.close()
