"""From a sender's packets to its receivers', through producers and consumers."""

from __future__ import annotations

from miso.worker.channel.bodies.transport import EnableTraceEventRequest
from miso.worker.rtcp.feedback import Fir, Nack, Pli
from tests.worker.rtc.parameters import (
    AUDIO_SSRC,
    MID_URI,
    REPAIRED_RID_URI,
    RID_URI,
    TRANSPORT_WIDE_CC_URI,
    VIDEO_RTX_SSRC,
    VIDEO_SSRC,
    audio_parameters,
    video_parameters,
)
from tests.worker.rtc.rig import Peer, Rig
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp


def send_video(peer: Peer, *numbers: int, key: bool = False) -> None:
    payload = KEY_FRAME if key else DELTA_FRAME
    peer.send(*(rtp(number, payload, ssrc=VIDEO_SSRC, payload_type=96) for number in numbers))


def test_audio_reaches_consumers_on_other_transports(rig: Rig) -> None:
    sender, first, second = rig.connect(), rig.connect(), rig.connect()
    producer = rig.produce(sender, kind="audio")
    consumers = [rig.consume(first, producer), rig.consume(second, producer)]
    for number in range(3):
        sender.send(rtp(number, b"opus", ssrc=AUDIO_SSRC, payload_type=111))
    for peer, consumer in zip((first, second), consumers, strict=True):
        packets = peer.rtp()
        assert [packet.payload for packet in packets] == [b"opus"] * 3
        assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(consumer.streams[0].ssrc, 100)}
        assert packets[0].extensions == {1: b"0"}


def test_audio_whose_clock_was_set_goes_on_but_a_tone_keeps_the_time_of_its_beginning(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    codecs = [
        *audio_parameters()["codecs"],
        {"mimeType": "audio/telephone-event", "payloadType": 126, "clockRate": 48000},
    ]
    taken = [{**codec, "payloadType": payload_type} for codec, payload_type in zip(codecs, (100, 101), strict=True)]
    producer = rig.produce(sender, kind="audio", parameters=audio_parameters(codecs=codecs))
    rig.consume(
        receiver,
        producer,
        rtpParameters={"mid": "0", "codecs": taken, "encodings": [{"ssrc": 5000}], "rtcp": {"cname": "router"}},
    )
    times = [(111, 9_000_000), (111, 9_000_960), (111, 9_001_920), (126, 9_000_960), (111, 960), (111, 1920)]
    for number, (payload_type, timestamp) in enumerate(times):
        sender.send(rtp(number, b"x", ssrc=AUDIO_SSRC, payload_type=payload_type, timestamp=timestamp))
        rig.clock.advance(20)
    came = [packet.timestamp - 9_000_000 for packet in receiver.rtp()]
    assert came == [0, 960, 1920, 960, 3840, 4800]  # 40 ms passed before the clock was set


def test_video_begins_with_a_key_frame_that_was_asked_for(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, 2)
    assert receiver.rtp() == []
    assert [pli.media_ssrc for pli in sender.rtcp(Pli)] == [VIDEO_SSRC]
    send_video(sender, 3, key=True)
    send_video(sender, 4)
    packets = receiver.rtp()
    assert [packet.payload for packet in packets] == [KEY_FRAME, DELTA_FRAME]
    assert packets[1].sequence_number == packets[0].sequence_number + 1
    assert set(packets[0].extensions) == {1, 4, 5}


def test_a_stream_that_begins_with_a_key_frame_needs_no_request(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    assert sender.rtcp(Pli) == []
    assert len(receiver.rtp()) == 1


def test_stream_found_by_mid_without_announced_ssrc(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, kind="audio", parameters=audio_parameters(encodings=[{}]))
    rig.consume(receiver, producer)
    sender.send(rtp(1, b"x", ssrc=77, payload_type=111, extensions={4: b"other"}))
    sender.send(rtp(1, b"x", ssrc=78, payload_type=111, extensions={4: b"a"}))
    sender.send(rtp(2, b"y", ssrc=78, payload_type=111))
    assert [packet.payload for packet in receiver.rtp()] == [b"x", b"y"]
    assert [stream.params.ssrc for stream in producer.dump().rtp_streams] == [78]
    assert sender.transport.dump().rtp_listener.ssrc_table == {"78": producer.id}


def test_second_ssrc_of_a_single_stream_is_ignored_unless_it_names_the_mid(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    rig.consume(receiver, rig.produce(sender, kind="audio", parameters=audio_parameters(encodings=[{}])))
    sender.send(rtp(1, b"x", ssrc=78, payload_type=111, extensions={4: b"a"}))
    sender.send(rtp(1, b"lie", ssrc=79, payload_type=111))
    assert [packet.payload for packet in receiver.rtp()] == [b"x"]
    sender.send(rtp(1, b"anew", ssrc=80, payload_type=111, extensions={4: b"a"}))
    assert [packet.payload for packet in receiver.rtp()] == [b"anew"]


def test_simulcast_streams_found_by_rid_and_their_repairs_by_repaired_rid(rig: Rig) -> None:
    sender = rig.connect()
    uris = {MID_URI: 4, RID_URI: 5, REPAIRED_RID_URI: 6}
    parameters = video_parameters(
        encodings=[{"rid": "lo"}, {"rid": "hi"}],
        headerExtensions=[{"uri": uri, "id": id_} for uri, id_ in uris.items()],
    )
    producer = rig.produce(sender, parameters=parameters)
    assert producer.type == "simulcast"
    for ssrc, rid in ((31, b"hi"), (32, b"lo")):
        sender.send(rtp(1, KEY_FRAME, ssrc=ssrc, payload_type=96, extensions={4: b"v", 5: rid}))
    sender.send(rtp(9, b"\0\2" + DELTA_FRAME, ssrc=33, payload_type=97, extensions={4: b"v", 6: b"hi"}))
    sender.send(rtp(1, KEY_FRAME, ssrc=34, payload_type=96, extensions={4: b"v", 5: b"no"}))
    low, high = producer.dump().rtp_streams
    assert (low.params.ssrc, low.params.rid, low.params.rtx_ssrc) == (32, "lo", None)
    assert (high.params.ssrc, high.params.rid, high.params.rtx_ssrc) == (31, "hi", 33)
    assert high.rtx_stream is not None
    assert high.rtx_stream.params.rrid == "hi"


def test_loss_is_asked_for_and_repaired_by_rtx(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    rig.consume(receiver, producer)
    send_video(sender, 1, key=True)
    send_video(sender, 4)
    rig.clock.advance(9)
    assert sender.rtcp(Nack) == []  # maybe they were only overtaken
    rig.clock.advance(1)
    assert [nack.sequence_numbers for nack in sender.rtcp(Nack)] == [(2, 3)]
    rig.clock.advance(150)
    assert [nack.sequence_numbers for nack in sender.rtcp(Nack)] == [(2, 3)]
    repairs = [b"\0\2" + DELTA_FRAME, b"\0\3" + DELTA_FRAME]
    sender.send(*(rtp(50 + i, p, ssrc=VIDEO_RTX_SSRC, payload_type=97) for i, p in enumerate(repairs)))
    packets = receiver.rtp()
    assert sorted(packet.sequence_number - packets[0].sequence_number for packet in packets) == [0, 1, 2, 3]
    [stats] = producer.get_stats()
    assert (stats.packets_repaired, stats.packets_retransmitted, stats.rtx_ssrc) == (2, 2, VIDEO_RTX_SSRC)
    assert stats.nack_packet_count == 4
    assert (stats.packet_count, stats.byte_count) == (4, 4 * 12 + len(KEY_FRAME) + 3 * len(DELTA_FRAME))
    rig.clock.advance(3000)
    assert sender.rtcp(Nack) == []


def test_a_second_loss_right_after_the_first_is_asked_for_as_soon(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender)
    send_video(sender, 1, key=True)
    send_video(sender, 3)
    rig.clock.advance(6)
    send_video(sender, 5)
    rig.clock.advance(4)
    assert [nack.sequence_numbers for nack in sender.rtcp(Nack)] == [(2,)]
    rig.clock.advance(6)
    assert [nack.sequence_numbers for nack in sender.rtcp(Nack)] == [(4,)]


def test_retransmissions_are_shown_once_there_are_any(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    send_video(sender, 1, key=True)
    send_video(sender, 3)
    [stream], [stats] = producer.dump().rtp_streams, producer.get_stats()
    assert (stream.params.rtx_ssrc, stream.rtx_stream) == (None, None)
    assert (stats.rtx_ssrc, stats.rtx_packets_discarded) == (None, None)
    sender.send(rtp(50, b"\0\2" + DELTA_FRAME, ssrc=VIDEO_RTX_SSRC, payload_type=97))
    [stream], [stats] = producer.dump().rtp_streams, producer.get_stats()
    assert stream.rtx_stream is not None
    assert stream.params.rtx_ssrc == stream.rtx_stream.params.ssrc == VIDEO_RTX_SSRC
    assert (stats.rtx_ssrc, stats.rtx_packets_discarded) == (VIDEO_RTX_SSRC, 0)


def test_a_packet_that_never_comes_costs_a_key_frame_though_nothing_else_comes(rig: Rig) -> None:
    sender = rig.connect()
    rig.produce(sender)
    send_video(sender, 1, key=True)
    send_video(sender, 3)
    assert sender.rtcp(Pli) == []
    rig.clock.advance(2_000)
    assert sender.rtcp(Pli)


def test_the_receivers_nack_is_answered_with_rtx(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    send_video(sender, 2)
    lost = receiver.rtp()[1]
    receiver.send_rtcp(Nack(1, consumer.streams[0].ssrc, (lost.sequence_number,)))
    [repair] = receiver.rtp()
    assert (repair.ssrc, repair.payload_type) == (consumer.streams[0].rtx_ssrc, 101)
    assert repair.payload == lost.sequence_number.to_bytes(2, "big") + lost.payload
    stats = consumer.get_stats()[0]
    assert (stats.nack_count, stats.nack_packet_count, stats.packets_retransmitted) == (1, 1, 1)


def test_feedback_for_a_foreign_ssrc_is_ignored(rig: Rig) -> None:
    sender, receiver, stranger = rig.connect(), rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    [packet] = receiver.rtp()
    stranger.send_rtcp(Nack(1, consumer.streams[0].ssrc, (packet.sequence_number,)), Pli(1, consumer.streams[0].ssrc))
    assert receiver.rtp() == []
    stats = consumer.get_stats()[0]
    assert (stats.nack_count, stats.pli_count) == (0, 0)


def test_nack_flood_gets_each_packet_once_per_round_trip(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, *range(1, 30), key=True)
    numbers = tuple(packet.sequence_number for packet in receiver.rtp())
    for _ in range(200):
        receiver.send_rtcp(Nack(1, consumer.streams[0].ssrc, numbers))
        receiver.rtp()
        rig.clock.advance(1)
    assert consumer.get_stats()[0].packets_retransmitted <= 2 * len(numbers)


def test_pause_stops_and_resume_restarts_cleanly_at_a_key_frame(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    send_video(sender, 2)
    before = receiver.rtp()
    consumer.pause()
    send_video(sender, 3, 4)
    consumer.resume()
    assert len(sender.rtcp(Pli)) == 1
    send_video(sender, 5)
    send_video(sender, 6, key=True)
    after = receiver.rtp()
    assert [packet.payload for packet in after] == [KEY_FRAME]
    assert after[0].sequence_number == before[-1].sequence_number + 1


def test_producer_pause_reaches_consumers(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer = rig.consume(receiver, producer)
    send_video(sender, 1, key=True)
    receiver.rtp()
    producer.pause()
    producer.pause()
    assert len(rig.notifier.take(consumer.id, "producerpause")) == 1
    assert consumer.dump().producer_paused
    send_video(sender, 2, key=True)
    assert receiver.rtp() == []
    producer.resume()
    assert len(rig.notifier.take(consumer.id, "producerresume")) == 1
    assert {pli.media_ssrc for pli in sender.rtcp(Pli)} == {VIDEO_SSRC}
    send_video(sender, 3, key=True)
    assert len(receiver.rtp()) == 1


def test_a_consumer_of_a_paused_producer_knows_it(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, paused=True)
    consumer = rig.consume(receiver, producer)
    assert consumer.dump().producer_paused
    send_video(sender, 1, key=True)
    assert receiver.rtp() == []


def test_nothing_flows_to_a_transport_before_it_is_connected(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.prepare()
    rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    receiver.connect()
    assert [pli.media_ssrc for pli in sender.rtcp(Pli)] == [VIDEO_SSRC]
    send_video(sender, 2)
    send_video(sender, 3, key=True)
    assert [packet.payload for packet in receiver.rtp()] == [KEY_FRAME]


def test_receivers_pli_and_fir_reach_the_sender_with_one_retry(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    receiver.send_rtcp(Pli(1, consumer.streams[0].ssrc))
    receiver.send_rtcp(Fir(1, consumer.streams[0].ssrc, ((consumer.streams[0].ssrc, 7), (12345, 1))))
    assert len(sender.rtcp(Pli)) == 1
    stats = consumer.get_stats()
    assert (stats[0].pli_count, stats[0].fir_count, stats[1].pli_count) == (1, 1, 1)
    rig.clock.advance(1100)
    assert len(sender.rtcp(Pli)) == 1
    rig.clock.advance(5000)
    assert sender.rtcp(Pli) == []


def test_key_frame_request_delay_joins_the_wishes_of_many_consumers(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender, keyFrameRequestDelay=3000)
    send_video(sender, 1, key=True)
    consumers = [rig.consume(rig.connect(), producer) for _ in range(3)]
    assert len(sender.rtcp(Pli)) == 1
    send_video(sender, 2, key=True)
    for consumer in consumers:
        consumer.request_key_frame()
    rig.clock.advance(2900)
    assert sender.rtcp(Pli) == []
    rig.clock.advance(200)
    assert len(sender.rtcp(Pli)) == 1


def test_producer_close_closes_its_consumers_everywhere(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer = rig.consume(receiver, producer)
    send_video(sender, 1, key=True)
    producer.close()
    producer.close()
    assert rig.notifier.take(consumer.id, "producerclose") == [None]
    assert not rig.tables.consumers
    assert not rig.tables.producers
    send_video(sender, 2, key=True)
    assert len(receiver.rtp()) == 1


def test_transport_close_closes_what_it_carries_and_what_consumes_it(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer = rig.consume(receiver, producer)
    rig.consume(sender, producer)
    sender.transport.close()
    sender.transport.close()
    assert list(rig.tables.transports) == [receiver.transport.id]
    assert rig.tables.consumers == {}
    assert rig.notifier.take(consumer.id, "producerclose") == [None]


def test_orientation_is_announced_when_it_changes(rig: Rig) -> None:
    sender = rig.connect()
    producer = rig.produce(sender)
    for number, value in enumerate((b"\x00", b"\x00", b"\x0b")):
        sender.send(rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, extensions={7: value}))
    assert rig.notifier.take(producer.id, "videoorientationchange") == [
        {"camera": False, "flip": False, "rotation": 0},
        {"camera": True, "flip": False, "rotation": 270},
    ]


def test_trace_events_of_producer_and_consumer(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    consumer = rig.consume(receiver, producer)
    producer.enable_trace_event(EnableTraceEventRequest(types=["keyframe", "rtp", "pli", "nack", "FOO"]))
    consumer.enable_trace_event(EnableTraceEventRequest(types=["keyframe", "nack"]))
    assert producer.dump().trace_event_types == "rtp,keyframe,nack,pli"
    send_video(sender, 1)
    send_video(sender, 2, key=True)
    send_video(sender, 4)
    rig.clock.advance(10)
    receiver.send_rtcp(Nack(1, consumer.streams[0].ssrc, (9,)))
    kinds = sorted((body["type"], body["direction"]) for body in rig.notifier.take(producer.id, "trace"))
    assert kinds == [("keyframe", "in"), ("nack", "out"), ("pli", "out"), ("rtp", "in"), ("rtp", "in")]
    traced = rig.notifier.take(consumer.id, "trace")
    assert [(body["type"], body["direction"]) for body in traced] == [("keyframe", "out"), ("nack", "in")]
    assert traced[0]["info"]["ssrc"] == consumer.streams[0].ssrc


def test_audio_is_traced_as_packets_not_as_key_frames(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender, kind="audio")
    consumer = rig.consume(receiver, producer)
    for traced in (producer, consumer):
        traced.enable_trace_event(EnableTraceEventRequest(types=["keyframe"]))
    sender.send(rtp(1, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    for traced in (producer, consumer):
        assert rig.notifier.take(traced.id, "trace") == []
        traced.enable_trace_event(EnableTraceEventRequest(types=["keyframe", "rtp"]))
    sender.send(rtp(2, b"x", ssrc=AUDIO_SSRC, payload_type=111))
    for traced in (producer, consumer):
        [trace] = rig.notifier.take(traced.id, "trace")
        assert (trace["type"], trace["info"]["isKeyFrame"]) == ("rtp", False)


def test_traces_name_size_mid_and_transport_wide_number(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    parameters = video_parameters(headerExtensions=[{"uri": MID_URI, "id": 4}, {"uri": TRANSPORT_WIDE_CC_URI, "id": 5}])
    producer = rig.produce(sender, parameters=parameters)
    consumer = rig.consume(receiver, producer)
    for traced in (producer, consumer):
        traced.enable_trace_event(EnableTraceEventRequest(types=["rtp"]))
    for number in (1, 2):
        extensions = {4: b"v", 5: (700 + number).to_bytes(2, "big")}
        packet = rtp(number, KEY_FRAME, ssrc=VIDEO_SSRC, payload_type=96, extensions=extensions)
        sender.send(packet)
    infos = [[trace["info"] for trace in rig.notifier.take(traced.id, "trace")] for traced in (producer, consumer)]
    assert infos[0][0]["size"] == len(packet)
    told = [[(info["mid"], info["wideSequenceNumber"]) for info in one] for one in infos]
    sent = [int.from_bytes(packet.extensions[5], "big") for packet in receiver.rtp()]
    assert told == [[("v", 701), ("v", 702)], [("0", number) for number in sent]]


def test_a_repair_is_traced_and_counted_as_it_is_sent(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    consumer = rig.consume(receiver, rig.produce(sender))
    send_video(sender, 1, key=True)
    [packet] = receiver.rtp()
    consumer.enable_trace_event(EnableTraceEventRequest(types=["rtp", "nack"]))
    receiver.send_rtcp(Nack(1, consumer.streams[0].ssrc, (packet.sequence_number,)))
    [repair] = receiver.rtp()
    _, trace = rig.notifier.take(consumer.id, "trace")
    info = trace["info"]
    assert info["isRtx"]
    assert (
        (info["ssrc"], info["payloadType"]) == (repair.ssrc, repair.payload_type) == (consumer.streams[0].rtx_ssrc, 101)
    )
    assert info["sequenceNumber"] == repair.sequence_number
    assert info["payloadSize"] == len(repair.payload)
    assert info["size"] == receiver.transport.plane.rtx_sent.bytes


def test_consumer_joins_a_running_stream(rig: Rig) -> None:
    sender, receiver = rig.connect(), rig.connect()
    producer = rig.produce(sender)
    send_video(sender, 1, key=True)
    consumer = rig.consume(receiver, producer)
    assert len(sender.rtcp(Pli)) == 1
    send_video(sender, 2, key=True)
    assert len(receiver.rtp()) == 1
    assert [stats.type for stats in consumer.get_stats()] == ["outbound-rtp", "inbound-rtp"]
    assert consumer.get_stats()[0].packet_count == 1
