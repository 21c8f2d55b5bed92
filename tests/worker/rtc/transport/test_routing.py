"""Whose packets are whose: SSRC, MID and RID where a transport has several producers (RFC 8843 section 9.2)."""

from __future__ import annotations

from typing import Any

import pytest

from miso.worker.channel.bodies.transport import CloseProducerRequest
from miso.worker.rtc.closing import finish
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtcp.feedback import Pli
from tests.worker.rtc.parameters import (
    AUDIO_SSRC,
    MID_URI,
    REPAIRED_RID_URI,
    RID_URI,
    VIDEO_SSRC,
    audio_parameters,
    video_parameters,
)
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp

MID, RID, REPAIRED_RID = 4, 5, 6
EXTENSIONS = [{"uri": MID_URI, "id": MID}, {"uri": RID_URI, "id": RID}, {"uri": REPAIRED_RID_URI, "id": REPAIRED_RID}]


def simulcast(mid: str | None, rids: tuple[str, ...] = ("r0", "r1", "r2")) -> dict[str, Any]:
    return video_parameters(mid=mid, encodings=[{"rid": rid} for rid in rids], headerExtensions=EXTENSIONS)


def media(number: int, ssrc: int, mid: str = "", rid: str = "", payload: bytes = KEY_FRAME, kind: int = 96) -> bytes:
    extensions = {MID: mid.encode(), RID: rid.encode()}
    return rtp(
        number,
        payload,
        ssrc=ssrc,
        payload_type=kind,
        extensions={id_: text for id_, text in extensions.items() if text},
    )


def repair(number: int, ssrc: int, mid: str, rid: str) -> bytes:
    extensions = {MID: mid.encode(), REPAIRED_RID: rid.encode()}
    return rtp(
        number,
        b"\0\1x",
        ssrc=ssrc,
        payload_type=97,
        extensions={id_: text for id_, text in extensions.items() if text},
    )


def ssrcs(producer: Producer) -> dict[str, int]:
    """By RID."""
    return {stream.params.rid or "": stream.params.ssrc for stream in producer.dump().rtp_streams}


def close(peer: Peer, producer: Producer) -> None:
    finish(peer.transport.close_producer(CloseProducerRequest(producer_id=producer.id)))


def test_packets_with_a_mid_that_nobody_has_yet_wait_for_its_producer(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam"))
    sender.send(media(1, 30, "screen", "r0"), media(1, 31, "screen", "r1"), media(2, 30, "screen", "r0"))
    assert ssrcs(camera) == {}
    screen = rig.produce(sender, parameters=simulcast("screen"))
    sender.send(media(3, 30, "screen", "r0"), media(2, 31, "screen", "r1"), media(1, 10, "cam", "r0"))
    assert ssrcs(camera) == {"r0": 10}
    assert ssrcs(screen) == {"r0": 30, "r1": 31}


def test_packets_that_named_their_mid_too_early_need_not_name_it_again(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam"))
    sender.send(media(1, 30, "screen", "r0"), repair(1, 40, "screen", "r0"))
    sender.send(media(2, 30), media(3, 30, rid="r0"))
    assert ssrcs(camera) == {}
    screen = rig.produce(sender, parameters=simulcast("screen"))
    sender.send(media(4, 30), rtp(2, b"\0\4x", ssrc=40, payload_type=97))
    assert ssrcs(screen) == {"r0": 30}
    [stream] = screen.dump().rtp_streams
    assert stream.params.rtx_ssrc == 40
    assert ssrcs(camera) == {}


def test_repairs_with_a_mid_that_nobody_has_repair_nobody_else(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam"))
    sender.send(media(1, 10, "cam", "r0"), repair(1, 40, "screen", "r0"), repair(2, 40, "screen", "r0"))
    [stream] = camera.dump().rtp_streams
    assert stream.params.rtx_ssrc is None
    sender.send(repair(1, 20, "cam", "r0"))
    [stream] = camera.dump().rtp_streams
    assert stream.params.rtx_ssrc == 20


@pytest.mark.parametrize("later", [("screen", "r0"), ("", "r0"), ("", "")], ids=["with MID", "RID only", "neither"])
def test_packets_of_a_closed_producer_go_to_nobody_else(rig: Rig, later: tuple[str, str]) -> None:
    sender, receiver = rig.connect(), rig.connect()
    screen = rig.produce(sender, parameters=simulcast("screen"))
    camera = rig.produce(sender, parameters=simulcast("cam"))
    sender.send(media(1, 30, "screen", "r0"))
    assert ssrcs(screen) == {"r0": 30}
    close(sender, screen)
    sender.send(*(media(number, 30, *later) for number in range(2, 9)))
    assert ssrcs(camera) == {}
    sender.send(media(1, 10, "cam", "r0"))
    assert ssrcs(camera) == {"r0": 10}
    assert receiver.rtp() == []


def test_a_producer_made_anew_finds_the_streams_that_went_on(rig: Rig) -> None:
    sender = rig.connect()
    screen = rig.produce(sender, parameters=simulcast("screen"))
    rig.produce(sender, parameters=simulcast("cam"))
    sender.send(media(1, 30, "screen", "r0"))
    close(sender, screen)
    sender.send(media(2, 30))
    screen = rig.produce(sender, parameters=simulcast("screen"))
    sender.send(media(3, 30))
    assert ssrcs(screen) == {"r0": 30}


def test_a_rid_without_mid_is_enough_where_it_is_one_producers(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam", ("lo", "hi")))
    rig.produce(sender, parameters=simulcast("screen"))
    sender.send(media(1, 10, rid="hi"))
    assert ssrcs(camera) == {"hi": 10}


def test_a_rid_remains_known_when_one_of_its_producers_closes(rig: Rig) -> None:
    sender = rig.connect()
    screen = rig.produce(sender, parameters=simulcast("screen"))
    camera = rig.produce(sender, parameters=simulcast("cam"))
    close(sender, screen)
    sender.send(media(1, 10, rid="r1"))
    assert ssrcs(camera) == {"r1": 10}
    assert sender.transport.dump().rtp_listener.rid_table == dict.fromkeys(("r0", "r1", "r2"), camera.id)


def test_an_unknown_rid_of_a_known_mid_is_ignored_until_a_known_one_comes(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam", ("r0", "r1")))
    screen = rig.produce(sender, parameters=simulcast("screen", ("r0", "r1", "r2")))
    sender.send(media(1, 10, "cam", "r2"), media(2, 10, "cam", "r2"))
    assert ssrcs(camera) == {}
    assert ssrcs(screen) == {}
    sender.send(media(3, 10, "cam", "r1"))
    assert ssrcs(camera) == {"r1": 10}


def test_a_mid_counts_whatever_rid_of_another_producer_comes_with_it(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam"))
    single = rig.produce(sender, parameters=video_parameters(mid="one", encodings=[{}], headerExtensions=EXTENSIONS))
    rig.consume(receiver, single)
    sender.send(media(1, 50, "one", "r0"))
    assert ssrcs(camera) == {}
    assert ssrcs(single) == {"": 50}
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME]


def test_an_ssrc_that_names_another_mid_changes_its_producer(rig: Rig) -> None:
    sender, receiver, other = rig.connect(), rig.connect(), rig.connect()
    first = rig.produce(sender, parameters=video_parameters(mid="1", encodings=[{}], headerExtensions=EXTENSIONS))
    second = rig.produce(sender, parameters=video_parameters(mid="2", encodings=[{}], headerExtensions=EXTENSIONS))
    rig.consume(receiver, first)
    rig.consume(other, second)
    sender.send(media(1, 50, "1"), media(2, 50, "1", payload=b"\x10\x01of the first"))
    sender.send(media(3, 50, "2"), media(4, 50, payload=b"\x10\x01of the second"))
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME, b"\x10\x01of the first"]
    assert [packet.payload for packet in other.rtp()] == [KEY_FRAME, b"\x10\x01of the second"]
    assert (ssrcs(first), ssrcs(second)) == ({}, {"": 50})
    sender.send(media(1, 51, "1"))
    sender.send(media(5, 50, "2", payload=DELTA_FRAME))
    assert (ssrcs(first), ssrcs(second)) == ({"": 51}, {"": 50})
    packets = receiver.rtp()
    assert [packet.payload for packet in packets] == [KEY_FRAME]


def test_an_announced_ssrc_that_names_another_producers_mid_is_the_others(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    first = rig.produce(sender)
    second = rig.produce(sender, parameters=video_parameters(mid="2", encodings=[{}], headerExtensions=EXTENSIONS))
    rig.consume(receiver, second)
    sender.send(media(1, VIDEO_SSRC, "v"))
    sender.send(media(2, VIDEO_SSRC, "2"))
    assert (ssrcs(first), ssrcs(second)) == ({}, {"": VIDEO_SSRC})
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME]
    close(sender, second)
    sender.send(media(3, VIDEO_SSRC, "v"))
    assert ssrcs(first) == {"": VIDEO_SSRC}


def test_an_ssrc_that_names_a_mid_that_nobody_has_is_nobodys(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    first = rig.produce(sender, parameters=video_parameters(mid="1", encodings=[{}], headerExtensions=EXTENSIONS))
    rig.consume(receiver, first)
    sender.send(media(1, 50, "1"))
    sender.send(media(2, 50, "2", payload=b"\x10\x01screen"), media(3, 50, payload=b"\x10\x01screen"))
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME]
    second = rig.produce(sender, parameters=video_parameters(mid="2", encodings=[{}], headerExtensions=EXTENSIONS))
    sender.send(media(4, 50))
    assert (ssrcs(first), ssrcs(second)) == ({}, {"": 50})


def test_a_packet_overtaken_by_the_change_of_its_mid_changes_nothing_back(rig: Rig) -> None:
    sender = rig.connect()
    first = rig.produce(sender, parameters=video_parameters(mid="1", encodings=[{}], headerExtensions=EXTENSIONS))
    second = rig.produce(sender, parameters=video_parameters(mid="2", encodings=[{}], headerExtensions=EXTENSIONS))
    sender.send(media(0xFFFE, 50, "1"), media(0, 50, "2"), media(0xFFFF, 50, "1"))
    assert (ssrcs(first), ssrcs(second)) == ({}, {"": 50})


def test_repairs_that_name_another_mid_leave_the_stream_that_they_repaired(rig: Rig) -> None:
    sender = rig.connect()
    camera, screen = (rig.produce(sender, parameters=simulcast(mid)) for mid in ("cam", "screen"))
    sender.send(media(1, 10, "cam", "r0"), media(1, 30, "screen", "r0"), repair(1, 40, "cam", "r0"))
    sender.send(repair(2, 40, "screen", "r0"))
    [of_camera], [of_screen] = camera.dump().rtp_streams, screen.dump().rtp_streams
    assert (of_camera.params.rtx_ssrc, of_screen.params.rtx_ssrc) == (None, 40)


def test_a_producer_without_mid_keeps_its_announced_ssrc_whatever_mid_it_names(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, parameters=video_parameters(mid=None))
    rig.consume(receiver, producer)
    sender.send(media(1, VIDEO_SSRC, "x"), media(2, VIDEO_SSRC, "x"), media(3, VIDEO_SSRC, "y"))
    assert len(receiver.rtp()) == 3


def test_a_foreign_payload_type_at_first_does_not_kill_a_stream(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(sender, kind="audio"))
    sender.send(rtp(1, b"foreign", ssrc=AUDIO_SSRC, payload_type=13))
    sender.send(rtp(2, b"foreign", ssrc=AUDIO_SSRC, payload_type=13))
    sender.send(rtp(3, b"opus", ssrc=AUDIO_SSRC, payload_type=111), rtp(4, b"no", ssrc=AUDIO_SSRC, payload_type=13))
    sender.send(rtp(5, b"opus", ssrc=AUDIO_SSRC, payload_type=111))
    assert [packet.payload for packet in receiver.rtp()] == [b"opus"] * 2


def test_a_foreign_payload_type_in_the_same_batch_loses_no_packet_behind_it(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    parameters = audio_parameters(encodings=[{}])
    rig.consume(receiver, rig.produce(sender, kind="audio", parameters=parameters))
    kinds = [13, 111, 13, 111, 111]
    sender.send(
        *(rtp(number, b"opus", ssrc=78, payload_type=kind, extensions={4: b"a"}) for number, kind in enumerate(kinds))
    )
    assert len(receiver.rtp()) == 3


def test_repairs_that_come_before_what_they_repair_count_later(rig: Rig) -> None:
    sender = rig.connect()
    camera = rig.produce(sender, parameters=simulcast("cam"))
    sender.send(repair(1, 20, "cam", "r0"))
    sender.send(media(2, 10, "cam", "r0"))
    sender.send(repair(2, 20, "cam", "r0"))
    [stream] = camera.dump().rtp_streams
    assert stream.params.rtx_ssrc == 20


def test_who_changes_its_mid_with_every_packet_is_followed_now_and_then_only(rig: Rig) -> None:
    sender = rig.connect()
    for mid in ("1", "2"):
        rig.produce(sender, parameters=video_parameters(mid=mid, encodings=[{}], headerExtensions=EXTENSIONS))
    for number in range(1, 2000):
        sender.send(media(number, 50, str(1 + number % 2)))
    assert len(sender.rtcp(Pli)) == 0  # key frames all
    changes = rig.notifier.take("producer1", "score") or rig.notifier.take("producer2", "score")
    assert 100 < len(changes) < 500


@pytest.mark.parametrize("named", [True, False], ids=["still named", "named before"])
@pytest.mark.parametrize("rids", [("r0",), ("",)], ids=["by RID", "by MID"])
def test_what_was_left_on_the_way_of_a_closed_producer_keeps_nobody_out(
    rig: Rig, rids: tuple[str, ...], named: bool
) -> None:
    sender, receiver = rig.connect(), rig.connect()
    encodings = [{"rid": rid} if rid else {} for rid in rids]
    parameters = video_parameters(mid="cam", encodings=encodings, headerExtensions=EXTENSIONS)
    first = rig.produce(sender, parameters=parameters)
    sender.send(media(1, 10, "cam", rids[0]), repair(1, 11, "cam", rids[0]))
    close(sender, first)
    second = rig.produce(sender, parameters=parameters)
    consumer = rig.consume(receiver, second)
    old = ("cam", rids[0]) if named else ("", "")
    sender.send(media(2, 10, *old), repair(2, 11, *old))
    new = KEY_FRAME + b"new"
    sender.send(media(1, 20, "cam", rids[0], payload=new), media(3, 10, *old), media(2, 20, payload=new))
    sender.send(repair(1, 21, "cam", rids[0]), media(4, 10, *old), media(3, 20, payload=new), repair(3, 11, *old))
    [stream] = second.dump().rtp_streams
    assert (stream.params.ssrc, stream.params.rtx_ssrc) == (20, 21)
    payloads = [packet.payload for packet in receiver.rtp()]
    begin = payloads.index(new)
    assert payloads[begin + 1 :] == [new] * 2
    assert consumer.get_stats()[1].ssrc == 20


def test_a_peer_that_invents_ssrcs_of_one_encoding_is_followed_now_and_then_only(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender, parameters=simulcast("cam"))
    for ssrc in range(100, 1100):
        sender.send(media(1, ssrc, "cam", "r0"))
    assert 100 < len(rig.notifier.take(producer.id, "score")) < 500


def test_an_announced_ssrc_stays_whoever_names_its_mid(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    sender.send(media(1, VIDEO_SSRC, "v"), media(1, 77, "v"), media(2, VIDEO_SSRC, "v"))
    [stream] = producer.dump().rtp_streams
    assert stream.params.ssrc == VIDEO_SSRC
