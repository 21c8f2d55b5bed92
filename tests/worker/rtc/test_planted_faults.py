"""A bug planted at each edge of the objects: who met it goes on afterwards, everybody else noticed nothing.

Each plant fails once, and works again then. The edges of the process are those of ``tests/worker/test_faults.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from miso.worker.channel.bodies.transport import NumSctpStreams
from miso.worker.dtls.events import ApplicationData
from miso.worker.dtls.transport import DtlsTransport
from miso.worker.faults import faults
from miso.worker.ice.server import IceServer
from miso.worker.rtc.consumer.consumer import Consumer
from miso.worker.rtc.consumer.consumer_stream import ConsumerStream
from miso.worker.rtc.data.sctp_association import SctpAssociation
from miso.worker.rtc.producer.producer import Producer
from miso.worker.rtc.transport.transport import Transport
from miso.worker.rtc.web_rtc.ice_session import IceSession
from miso.worker.rtc.web_rtc.ice_sockets import IceSockets
from miso.worker.rtc.web_rtc.unproven_connections import UnprovenConnections
from miso.worker.rtc.web_rtc.web_rtc_server import WebRtcServer
from miso.worker.rtc.web_rtc.web_rtc_transport import WebRtcTransport
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock, SenderReport
from miso.worker.sctp.association import Association
from tests.worker.rtc.guarded import guarded_world
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.observers.test_observers import SILENT, SPEECH, Voice, level_observer, speaker_observer, talk
from tests.worker.rtc.parameters import VIDEO_SSRC, video_parameters
from tests.worker.rtc.rig import Rig
from tests.worker.rtc.transport.test_outgoing_bandwidth import transport_cc
from tests.worker.rtc.web_rtc.test_web_rtc_server import claim, join, make_server, make_transport
from tests.worker.rtc.web_rtc_peer import WebRtcPeer
from tests.worker.rtc.world import PolledSocket, World
from tests.worker.rtp.packets import DELTA_FRAME, KEY_FRAME, rtp

DATA = {"enable_sctp": True, "num_sctp_streams": NumSctpStreams(os=8, mis=8), "max_sctp_message_size": 1000}
JUNK = b"\x13\x88\x13\x88" + bytes(40)  # looks like SCTP, and is none


class Panic(BaseException):
    """As a panic of a Rust library comes: it is no ``Exception``."""


def plant(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, base: type[BaseException]) -> None:
    """The method's next call raises; those after it work."""
    original = getattr(owner, name)
    error = type("Planted", (base,), {})  # new: one that was logged a moment ago would only be counted
    left = [1]

    def broken(*arguments: Any, **options: Any) -> Any:
        if left:
            left.clear()
            raise error("planted")
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, broken)


class FragileAssociation(Association):
    """What is compiled takes no plant; what is derived from it does."""


@dataclass
class Call:
    """Two browsers on the ports of one server, of which the first will meet a bug."""

    world: World = field(default_factory=guarded_world)

    def __post_init__(self) -> None:
        self.server = make_server(self.world)
        self.bad_transport, self.bad = join(self.world, self.server, "bad", **DATA)
        self.good_transport, self.good = join(self.world, self.server, "good", **DATA)

    def states(self, transport: WebRtcTransport, event: str) -> list[Any]:
        return [next(iter(body.values())) for body in self.world.notifier.take(transport.id, event)]

    def pass_time(self, seconds: float) -> None:
        """During which the good one asks for consent."""
        for _ in range(round(seconds)):
            self.world.clock.advance(1000)
            self.good.check()
            self.good.work()

    def packets_of(self, peer: WebRtcPeer) -> int:
        """How many SCTP packets the peer got."""
        peer.work()
        return sum(isinstance(event, ApplicationData) for event in peer.dtls_events)

    def check_that_the_good_one_goes_on(self) -> None:
        assert self.good_transport.connected
        self.good.connect_ice()
        before = self.packets_of(self.good)
        self.world.clock.advance(61_000 if before > 8 else 8_000)  # SCTP asks again
        assert self.packets_of(self.good) >= before
        self.good._apply(self.good.dtls.close())
        self.good.work()
        assert self.states(self.good_transport, "dtlsstatechange")[-1] == "closed"


def a_check(call: Call) -> None:
    call.bad.check(nomination=1)  # a usual one is answered by the plane
    call.good.connect_ice()
    call.bad.work()
    assert len(call.bad.answers) == 1  # the one of before
    call.bad.connect_ice()


def a_first_check(call: Call) -> None:
    transport = make_transport(call.world, call.server, "late")
    late = WebRtcPeer(call.world, transport.dump())
    late.check()
    late.work()
    late.connect_ice()
    late.connect_dtls(transport)


def the_end_of_consent(call: Call) -> None:
    call.states(call.bad_transport, "icestatechange")
    call.pass_time(33)
    assert call.states(call.bad_transport, "icestatechange") == ["disconnected"]


def a_dtls_datagram(call: Call) -> None:
    call.bad._apply(call.bad.dtls.send(JUNK))
    call.good.connect_ice()
    call.bad._apply(call.bad.dtls.close())
    call.bad.work()
    assert call.states(call.bad_transport, "dtlsstatechange")[-1] == "closed"


def a_handshake_without_answer(call: Call) -> None:
    transport = make_transport(call.world, call.server, "late")
    late = WebRtcPeer(call.world, transport.dump())
    late.connect_ice()
    late.send(b"\x16\xfe\xfd" + bytes(20))  # a handshake begins
    late.work()
    for _ in range(33):
        call.pass_time(1)
        late.check()
        late.work()
    assert call.states(transport, "dtlsstatechange") == ["connecting", "failed"]


def two_sctp_packets(call: Call) -> None:
    for packet in (JUNK, JUNK[:-1]):
        call.bad._apply(call.bad.dtls.send(packet))
    call.bad.work()


def sctp_without_answer(call: Call) -> None:
    before = call.packets_of(call.bad)
    call.pass_time(8)
    assert call.packets_of(call.bad) > before


def an_end_of_tcp(call: Call) -> None:
    sockets = len(call.world.sockets.all)
    transport = make_transport(call.world, call.server, "late")
    late = WebRtcPeer(call.world, transport.dump(), 1)
    late.connect_ice()
    late.close()
    call.world.pump()
    assert len(call.world.sockets.all) == sockets


def a_new_connection(call: Call) -> None:
    transport = make_transport(call.world, call.server, "late")
    lost = WebRtcPeer(call.world, transport.dump(), 1)
    lost.work()
    assert lost.gone
    late = WebRtcPeer(call.world, transport.dump(), 1)
    late.connect_ice()
    late.connect_dtls(transport)


def a_silent_connection(call: Call) -> None:
    sockets = len(call.world.sockets.all)
    transport = make_transport(call.world, call.server, "late")
    silent = WebRtcPeer(call.world, transport.dump(), 1)
    silent.work()
    call.pass_time(12)
    assert len(call.world.sockets.all) == sockets


def a_peer_that_does_not_read(call: Call) -> None:
    sockets = len(call.world.sockets.all)
    transport = make_transport(call.world, call.server, "late")
    slow = WebRtcPeer(call.world, transport.dump(), 1)
    slow.connect_ice()
    for _ in range(20_000):
        transport.plane.send(bytes(1200))
        if len(call.world.sockets.all) == sockets:
            break
    assert len(call.world.sockets.all) == sockets


def a_flood(call: Call) -> None:
    for _ in range(200):
        call.bad.check()
    call.good.connect_ice()
    call.bad.work()
    call.pass_time(10)
    call.bad.connect_ice()


def a_page_that_is_loaded_anew(call: Call) -> None:
    call.pass_time(8)
    transport = make_transport(call.world, call.server, "late")
    assert claim(call.bad, transport)
    call.bad.adopt(transport.dump())
    call.bad.dtls = DtlsTransport(call.world.context.certificate)
    call.bad.connect_ice()
    assert transport.dump().ice_selected_tuple is not None


def a_close(call: Call) -> None:
    ids = set(call.world.ids) - {call.bad_transport.id}
    call.bad_transport.close()
    assert set(call.world.ids) == ids
    assert "bad" not in call.server.dump().web_rtc_transport_ids
    assert [one.web_rtc_transport_id for one in call.server.dump().tuple_hashes] == ["good"]
    fragments = call.server.dump().local_ice_username_fragments
    assert [one.web_rtc_transport_id for one in fragments] == ["good"]


CONNECTIONS: dict[str, tuple[type, str, Callable[[Call], None], str]] = {
    "a check": (IceServer, "receive", a_check, "IceSession bad"),
    "a check on a server's socket": (WebRtcServer, "on_stun_message", a_check, "StunReceived of _UdpEnd server"),
    "the answer to a check": (IceSockets, "send", a_first_check, "IceSession late"),
    "the news of a state": (WebRtcServer, "remove_tuple", the_end_of_consent, "IceSession bad"),
    "the consent timer": (IceServer, "handle_timeout", the_end_of_consent, "Alarm IceSession bad"),
    "a DTLS datagram": (DtlsTransport, "receive", a_dtls_datagram, "DtlsReceived of WebRtcTransport bad"),
    "the DTLS timer": (DtlsTransport, "handle_timeout", a_handshake_without_answer, "Alarm DtlsSession late"),
    "a message over DTLS": (Transport, "on_sctp", two_sctp_packets, "DtlsSession bad"),
    "an SCTP packet": (FragileAssociation, "receive", two_sctp_packets, "DtlsSession bad"),
    "the SCTP timer": (FragileAssociation, "on_timer", sctp_without_answer, "Alarm SctpAssociation bad"),
    "an SCTP packet that is sent": (WebRtcTransport, "send_sctp", sctp_without_answer, "SctpAssociation bad"),
    "the end of a TCP connection": (IceSession, "on_tuple_gone", an_end_of_tcp, "IceConnection 127.0.0.1:"),
    "a TCP connection that comes": (UnprovenConnections, "add", a_new_connection, "PolledSocket"),
    "the patience with a TCP connection": (UnprovenConnections, "remove", a_silent_connection, "Alarm IceConnection"),
    "watching for room": (PolledSocket, "watch_writable", a_peer_that_does_not_read, "IceConnection"),
    "the news of a flood": (WebRtcTransport, "on_traffic_limited", a_flood, "TrafficLimited of WebRtcTransport bad"),
    "the loss of a tuple": (IceSession, "on_tuple_taken", a_page_that_is_loaded_anew, "IceSession bad"),
    "the end of SCTP": (SctpAssociation, "close", a_close, "WebRtcTransport bad"),
    "the end of DTLS": (DtlsTransport, "close", a_close, "WebRtcTransport bad"),
}


@pytest.mark.parametrize("error", [ZeroDivisionError, Panic])
@pytest.mark.parametrize("edge", CONNECTIONS)
def test_a_bug_of_one_connection_is_its_alone(
    edge: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, name, meet, about = CONNECTIONS[edge]
    monkeypatch.setattr("miso.worker.sctp.association.Association", FragileAssociation)
    call = Call()
    before = faults.count
    plant(monkeypatch, owner, name, error)
    meet(call)
    assert faults.count == before + 1
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert f"about {about}" in record.getMessage()
    assert "planted" in record.getMessage()
    assert "in broken" in caplog.text  # the traceback
    call.check_that_the_good_one_goes_on()


# ---------------------------------------------------------------- media


@dataclass
class Room:
    """A sender and two receivers, of which the first will meet a bug."""

    rig: Rig

    def __post_init__(self) -> None:
        self.sender = self.rig.connect()
        self.producer = self.rig.produce(self.sender)
        self.bad, self.good = self.rig.connect(), self.rig.connect()
        self.consumers = [
            self.rig.consume(peer, self.producer, rtpParameters=transport_cc(7000 + number))
            for number, peer in enumerate((self.bad, self.bad, self.good))
        ]
        self.number = 0
        self.send(2)
        self.rig.clock.advance(2000)
        for peer in (self.sender, self.bad, self.good):
            peer.rtcp()

    def send(self, count: int = 1, *, skip: int = 0) -> None:
        self.number += skip
        for _ in range(count):
            self.number += 1
            payload = KEY_FRAME if self.number == 1 else DELTA_FRAME
            self.sender.send(rtp(self.number, payload, ssrc=VIDEO_SSRC, payload_type=96))
            self.rig.clock.advance(20)


def a_gap(room: Room) -> None:
    room.send(skip=1)
    room.rig.clock.advance(1500)
    assert room.sender.rtcp(Nack)


def reports(room: Room) -> None:
    blocks = tuple(ReportBlock(one.streams[0].ssrc, fraction_lost=7, total_lost=7) for one in room.consumers[:2])
    room.bad.send_rtcp(ReceiverReport(1, blocks))
    assert room.consumers[1].streams[0].feedback.packets_lost == 7


def plis(room: Room) -> None:
    room.bad.send_rtcp(*(Pli(1, one.streams[0].ssrc) for one in room.consumers[:2]))
    assert room.consumers[1].streams[0].feedback.pli_count == 1


def a_wish_for_a_key_frame(room: Room) -> None:
    room.bad.send_rtcp(Pli(1, room.consumers[0].streams[0].ssrc))
    assert room.sender.rtcp(Pli) == []
    room.rig.clock.advance(1100)  # what brought no key frame is asked for again
    assert room.sender.rtcp(Pli)


def a_second_of_bandwidth(room: Room) -> None:
    layered = LayeredSender(room.rig, modes=["L1T1", "L1T1"])
    parameters = layered.receiver_parameters()
    parameters["encodings"][0]["ssrc"] = 7500
    layered.consume(room.bad, rtpParameters=parameters)
    layered.run(500, 0, 1, key=True)
    (stats,) = room.bad.transport.get_stats()
    room.rig.clock.advance(2000)
    assert stats.available_outgoing_bitrate


def a_new_stream(room: Room) -> None:
    parameters = video_parameters(mid="w", encodings=[{"ssrc": 3333}, {"ssrc": 4444}])
    producer = room.rig.produce(room.bad, parameters=parameters)
    for ssrc in (3333, 4444):
        room.bad.send(rtp(1, KEY_FRAME, ssrc=ssrc, payload_type=96))
    assert list(producer.streams) == [4444]


def a_close_of_a_transport(room: Room) -> None:
    room.bad.transport.close()
    room.send()
    assert room.bad.transport.id not in room.rig.world.ids


MEDIA: dict[str, tuple[type, str, Callable[[Room], None], str]] = {
    "the NACK timer": (Transport, "send_rtcp", a_gap, ""),
    "a receiver report's block": (ConsumerStream, "on_score_changed", reports, "ScoreChanged of ConsumerStream"),
    "a PLI": (ConsumerStream, "on_key_frame_asked", plis, "KeyFrameAsked of ConsumerStream"),
    "a key frame request": (Transport, "send_rtcp", a_wish_for_a_key_frame, "KeyFrameAsked of ConsumerStream"),
    "a consumer's weight": (Consumer, "bitrate_priority", a_second_of_bandwidth, "Consumer"),
    "a consumer's wish for bandwidth": (Consumer, "desired_bitrate", a_second_of_bandwidth, "Consumer"),
    "a new stream": (Producer, "accept_ssrc", a_new_stream, "Producer"),
    "the end of a consumer": (Consumer, "close", a_close_of_a_transport, "Consumer"),
}


@pytest.fixture
def rig() -> Iterator[Rig]:
    result = Rig(guarded_world())
    yield result
    result.tables.close()


@pytest.mark.parametrize("edge", MEDIA)
def test_a_bug_of_one_stream_is_its_alone(
    edge: str, rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, name, meet, about = MEDIA[edge]
    room = Room(rig)
    before = faults.count
    plant(monkeypatch, owner, name, ZeroDivisionError)
    meet(room)
    assert faults.count == before + 1
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert f"about {about}" in record.getMessage()
    assert "in broken" in caplog.text
    room.good.rtp()
    room.send(100)
    assert len(room.good.rtp()) >= 100
    assert room.good.rtcp(SenderReport)


# ---------------------------------------------------------------- observers


@pytest.mark.parametrize("make", [level_observer, speaker_observer], ids=["levels", "speaker"])
def test_a_producer_whose_levels_cannot_be_read_silences_no_other(
    make: Callable[[Rig], Any], rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = make(rig)
    bad, good = Voice(rig), Voice(rig)
    for voice in (bad, good):
        observer.add_producer(voice.request)
    original = Producer.take_audio_levels

    def broken(producer: Producer, *arguments: Any) -> bytes:
        if producer is bad.producer:
            raise ZeroDivisionError("planted")
        return original(producer, *arguments)

    monkeypatch.setattr(Producer, "take_audio_levels", broken)
    before = faults.count
    talk(rig, 4000, {bad: SILENT, good: SPEECH})
    assert faults.count >= before + 4
    assert good.producer.id in str(rig.notifier.of(observer.id))
    monkeypatch.undo()
    talk(rig, 4000, {bad: SPEECH, good: SILENT})
    assert bad.producer.id in str(rig.notifier.of(observer.id)[-1])
