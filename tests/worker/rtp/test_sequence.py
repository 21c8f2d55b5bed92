"""Numbers of a forwarded stream: no gap of our own, no number twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st


def test_newer_across_the_wrap(load) -> None:
    sequence = load("miso.worker.rtp.sequence")
    assert sequence.is_newer32(5, 0xFFFFFFF0)
    assert not sequence.is_newer32(0xFFFFFFF0, 5)
    assert not sequence.is_newer32(7, 7)


def test_first_packet_is_number_one_whatever_came_in(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert [mapper.map(number) for number in (65534, 65535, 0, 1)] == [1, 2, 3, 4]


def test_loss_on_the_way_in_stays_visible(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper(max_output=99)
    assert [mapper.map(number) for number in (10, 12, 11)] == [100, 102, 101]


def test_dropped_packet_leaves_no_gap(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    mapper.drop(11)
    mapper.drop(12)
    assert mapper.map(13) == 2
    assert mapper.map(12) == -1


def test_late_packet_gets_the_number_left_for_it(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    mapper.drop(12)  # 11 is still on its way
    assert mapper.map(14) == 4
    mapper.drop(15)
    assert mapper.map(16) == 5
    assert mapper.map(11) == 2
    assert mapper.map(13) == 3


def test_packet_dropped_after_later_ones_were_sent_tells_its_number_to_be_filled(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    assert mapper.map(12) == 3
    assert mapper.drop(11) == 2
    assert mapper.map(13) == 4


def test_packet_dropped_late_closes_up_while_nothing_after_it_was_sent(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    assert mapper.drop(13) == -1  # 11 and 12 are still on their way
    assert mapper.drop(11) == -1
    assert mapper.map(14) == 3
    assert mapper.map(12) == 2


def test_what_was_dropped_before_a_sync_is_not_to_be_filled(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    mapper.map(10)
    mapper.map(12)
    mapper.sync(50)
    mapper.map(50)
    assert [mapper.drop(number) for number in (11, 49)] == [-1, -1]


@given(
    start=st.integers(0, 65535),
    fates=st.lists(st.sampled_from(["forward", "drop", "lose"]), min_size=1, max_size=300),
    delays=st.lists(st.integers(0, 200), min_size=300, max_size=300),
)
def test_no_hole_stays_but_of_what_never_came_and_no_number_goes_twice(load, start, fates, delays) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper(max_output=65000)
    mapper.sync(start)
    arrivals = sorted(range(len(fates)), key=lambda index: (index + delays[index], index))
    sent: list[int] = []
    missing = set(range(len(fates)))
    for index in arrivals:
        if fates[index] == "lose":
            continue
        missing.discard(index)
        take = mapper.map if fates[index] == "forward" else mapper.drop
        number = take((start + index) & 0xFFFF)
        assert number >= 0 or fates[index] == "drop"
        if number >= 0:
            sent.append((number - 65001) & 0xFFFF)
        holes = set(range(max(sent, default=-1))) - set(sent)
        assert len(holes) <= len([index for index in missing if index < len(fates)])
    assert len(sent) == len(set(sent))
    holes = set(range(max(sent, default=-1))) - set(sent)
    assert len(holes) <= fates.count("lose")


def test_sync_goes_on_after_the_last_number(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert [mapper.map(number) for number in (10, 11)] == [1, 2]
    mapper.sync(50000)
    assert [mapper.map(number) for number in (50000, 50001)] == [3, 4]


def test_sync_goes_on_after_a_late_packet_behind_which_all_was_dropped(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    mapper.drop(12)
    assert mapper.map(11) == 2
    mapper.sync(500)
    assert mapper.map(500) == 3


def test_packets_from_before_a_sync_are_refused(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    assert mapper.map(10) == 1
    mapper.sync(20)
    assert mapper.map(19) == -1
    assert mapper.map(20) == 2
    assert mapper.map(11) == -1


def test_packet_older_than_the_memory_is_refused(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    mapper.map(0)
    assert mapper.map(2000) == 2001
    assert mapper.map(977) == 978
    assert mapper.map(976) == -1


def test_drops_before_the_first_packet_do_not_count(load) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper()
    mapper.drop(9)
    assert mapper.map(10) == 1


@given(
    start=st.integers(0, 65535),
    fates=st.lists(st.sampled_from(["forward", "drop", "lose"]), min_size=1, max_size=400),
    jitter=st.lists(st.integers(0, 60), min_size=400, max_size=400),
)
def test_numbers_keep_order_and_are_unique_under_reordering(load, start, fates, jitter) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper(max_output=65000)
    mapper.sync(start)
    arrivals = sorted(range(len(fates)), key=lambda index: (index + jitter[index], index))
    mapped: dict[int, int] = {}
    for index in arrivals:
        if fates[index] == "forward":
            output = mapper.map((start + index) & 0xFFFF)
            assert output >= 0
            mapped[index] = (output - 65001) & 0xFFFF
        elif fates[index] == "drop":
            mapper.drop((start + index) & 0xFFFF)
    in_order = [mapped[index] for index in sorted(mapped)]
    assert in_order == sorted(set(in_order))


@given(st.lists(st.booleans(), min_size=1, max_size=3000), st.integers(0, 65535))
def test_forwarded_packets_in_order_are_numbered_without_gap(load, forwarded, start) -> None:
    mapper = load("miso.worker.rtp.sequence").SequenceMapper(max_output=65535)
    mapper.sync(start)
    outputs = []
    for index, forward in enumerate(forwarded):
        if forward:
            outputs.append(mapper.map((start + index) & 0xFFFF))
        else:
            mapper.drop((start + index) & 0xFFFF)
    assert outputs == [index & 0xFFFF for index in range(len(outputs))]
