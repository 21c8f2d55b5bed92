"""A close goes in steps: whatever comes between two of them meets no fault, and in the end nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from miso.worker.channel.bodies.data_producer import DataMessage
from miso.worker.channel.bodies.router import CreateDirectTransportRequest
from miso.worker.channel.bodies.transport import ConsumeDataRequest, ProduceDataRequest
from miso.worker.faults import faults
from miso.worker.rtc import closing
from miso.worker.rtc.transport.direct_transport import DirectTransport
from miso.worker.rtcp.feedback import Nack, Pli
from miso.worker.rtcp.reports import ReceiverReport, ReportBlock
from tests.worker.rtc.guarded import guarded_world
from tests.worker.rtc.layered_sender import LayeredSender
from tests.worker.rtc.observers.test_observers import Voice, level_observer, speaker_observer
from tests.worker.rtc.parameters import consume_body
from tests.worker.rtc.rig import Rig

VIEWERS = 3


@pytest.fixture(autouse=True)
def _shortest_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that something comes between any two that close."""
    monkeypatch.setattr(closing, "CHILDREN_PER_STEP", 1)


class Room:
    """Layers, voices with observers and messages, to several viewers and to the application."""

    def __init__(self) -> None:
        self.rig = Rig(guarded_world())
        rig = self.rig
        self.video = LayeredSender(rig, modes=["L1T3", "L1T3"])
        self.voice = Voice(rig)
        for observer in (level_observer(rig), speaker_observer(rig)):
            observer.add_producer(self.voice.request)
        self.viewers = [rig.connect() for _ in range(VIEWERS)]
        self.ssrcs: list[int] = []
        for number, viewer in enumerate(self.viewers):
            parameters = self.video.receiver_parameters()
            parameters["encodings"][0]["ssrc"] = 7000 + number
            consumers = self.video.consume(viewer, rtpParameters=parameters), rig.consume(viewer, self.voice.producer)
            self.ssrcs.append(consumers[0].streams[0].ssrc)
        body = CreateDirectTransportRequest(transport_id="direct", max_message_size=1000)
        self.direct = DirectTransport(rig.context, rig.tables, "direct", body)
        self.direct.consume(consume_body("taken", self.voice.producer, ssrc=77))
        self.direct.produce_data(ProduceDataRequest(data_producer_id="said", type="direct"))
        self.said = self.direct.data_producers["said"]
        for number in range(VIEWERS):
            consume = ConsumeDataRequest(data_consumer_id=f"read{number}", data_producer_id="said", type="direct")
            self.direct.consume_data(consume)
        for _ in range(8):
            self.live()

    def live(self) -> None:
        """A moment of whatever comes from outside."""
        with suppress(ConnectionRefusedError):  # its port is closed
            self.video.send_frame(0, 1, key=self.video.frame % 7 == 0)
        with suppress(ConnectionRefusedError):
            self.voice.say(20)
        for viewer, ssrc in zip(self.viewers, self.ssrcs, strict=True):
            report = ReportBlock(ssrc, 60, 5, 100, 0, 0, 0)
            with suppress(ConnectionRefusedError):
                viewer.send_rtcp(ReceiverReport(1, (report,)), Pli(1, ssrc), Nack(1, ssrc, (1, 2, 3)))
        self.said.send(DataMessage(ppid=51), b"hello")
        self.rig.clock.advance(70)

    def close_video(self) -> Iterator[None]:
        return self.video.producer.closing()

    def close_voice(self) -> Iterator[None]:
        return self.voice.producer.closing()

    def close_messages(self) -> Iterator[None]:
        return self.said.closing()

    def close_sender(self) -> Iterator[None]:
        return self.video.peer.transport.closing()

    def close_viewer(self) -> Iterator[None]:
        return self.viewers[0].transport.closing()

    def close_direct(self) -> Iterator[None]:
        return self.direct.closing()

    def close_router(self) -> Iterator[None]:
        return self.rig.tables.closing()


CLOSES = [
    Room.close_video,
    Room.close_voice,
    Room.close_messages,
    Room.close_sender,
    Room.close_viewer,
    Room.close_direct,
    Room.close_router,
]


@pytest.mark.parametrize("close", CLOSES)
def test_what_comes_between_the_steps_of_a_close_meets_no_fault(close: Callable[[Room], Iterator[None]]) -> None:
    room, before = Room(), faults.count
    steps = 0
    for _ in close(room):
        room.live()
        steps += 1
    assert steps >= 1
    for _ in range(5):
        room.live()
    assert faults.count == before
    room.rig.close()


@pytest.mark.parametrize("close", CLOSES[:-1])
def test_a_router_can_close_while_something_in_it_closes(close: Callable[[Room], Iterator[None]]) -> None:
    room, before = Room(), faults.count
    steps = close(room)
    next(steps)
    room.live()
    for _ in room.rig.tables.closing():
        room.live()
    assert list(steps) == []
    assert faults.count == before
    room.rig.close()
