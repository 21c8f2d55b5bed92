"""The table against the list in docs (written here by hand) and against the handlers."""

import importlib
import inspect
import typing
from collections.abc import Iterator
from types import NoneType

import pytest

from miso.worker.channel import commands, events
from miso.worker.channel.commands import BY_NAME, COMMANDS, PAYLOAD_NOTIFICATIONS, PAYLOAD_REQUESTS, handlers_of

NAMES_OF_3_10 = """
worker: close dump getResourceUsage updateSettings createWebRtcServer createRouter
webRtcServer: close dump
router: close dump createWebRtcTransport createWebRtcTransportWithServer createPlainTransport createPipeTransport
    createDirectTransport createActiveSpeakerObserver createAudioLevelObserver
transport: close dump getStats connect setMaxIncomingBitrate setMaxOutgoingBitrate restartIce produce consume
    produceData consumeData enableTraceEvent
producer: close dump getStats pause resume enableTraceEvent
consumer: close dump getStats pause resume setPreferredLayers setPriority requestKeyFrame enableTraceEvent
dataProducer: close dump getStats
dataConsumer: close dump getStats getBufferedAmount setBufferedAmountLowThreshold
rtpObserver: close pause resume addProducer removeProducer
"""
NAMES_OF_3_12 = {
    "worker.closeRouter": "router.close",
    "worker.closeWebRtcServer": "webRtcServer.close",
    "router.closeTransport": "transport.close",
    "router.closeRtpObserver": "rtpObserver.close",
    "transport.closeProducer": "producer.close",
    "transport.closeConsumer": "consumer.close",
    "transport.closeDataProducer": "dataProducer.close",
    "transport.closeDataConsumer": "dataConsumer.close",
}
EVENTS = """
worker: running faults dropped
webRtcTransport: icestatechange iceselectedtuplechange dtlsstatechange sctpstatechange trace
plainTransport: tuple rtcptuple sctpstatechange trace
pipeTransport: sctpstatechange trace
directTransport: rtcp trace
producer: score videoorientationchange trace
consumer: producerclose producerpause producerresume score layerschange trace rtp
dataConsumer: dataproducerclose sctpsendbufferfull bufferedamountlow message
audioLevelObserver: volumes silence
activeSpeakerObserver: dominantspeaker
"""
HANDLERS = {
    "worker": ["miso.worker.worker:Worker"],
    "webRtcServer": ["miso.worker.rtc.web_rtc.web_rtc_server:WebRtcServer"],
    "router": ["miso.worker.rtc.router:Router"],
    "transport": [
        "miso.worker.rtc.web_rtc.web_rtc_transport:WebRtcTransport",
        "miso.worker.rtc.transport.plain_transport:PlainTransport",
        "miso.worker.rtc.transport.pipe_transport:PipeTransport",
        "miso.worker.rtc.transport.direct_transport:DirectTransport",
    ],
    "producer": ["miso.worker.rtc.producer.producer:Producer"],
    "consumer": ["miso.worker.rtc.consumer.consumer:Consumer"],
    "dataProducer": ["miso.worker.rtc.data.data_producer:DataProducer"],
    "dataConsumer": ["miso.worker.rtc.data.data_consumer:DataConsumer"],
    "rtpObserver": [
        "miso.worker.rtc.observers.audio_level_observer:AudioLevelObserver",
        "miso.worker.rtc.observers.active_speaker_observer:ActiveSpeakerObserver",
    ],
}
KINDS = [(target, path) for target, paths in HANDLERS.items() for path in paths]
ONLY_WEB_RTC = {"transport.restartIce"}
ONLY_PIPE = {"transport.disconnect"}
MORE = {"worker.getLoad", "transport.disconnect", "transport.setMinOutgoingBitrate"}


def names(text: str) -> set[str]:
    found = set()
    target = ""
    for word in text.split():
        if word.endswith(":"):
            target = word[:-1]
        else:
            found.add(f"{target}.{word}")
    return found


def test_the_table_holds_the_57_commands_and_three_more():
    assert len(names(NAMES_OF_3_10)) == 57
    assert {command.name for command in COMMANDS} == names(NAMES_OF_3_10) | MORE
    assert len(COMMANDS) == 60
    assert {command.name for command in commands.EXTENSIONS} == MORE


def test_the_eight_closes_have_the_second_name():
    assert {command.alias: command.name for command in COMMANDS if command.alias} == NAMES_OF_3_12
    assert set(BY_NAME) == {command.name for command in COMMANDS} | set(NAMES_OF_3_12)


def test_payload_channel():
    assert [command.name for command in PAYLOAD_REQUESTS] == ["dataConsumer.send"]
    assert {command.name for command in PAYLOAD_NOTIFICATIONS} == {
        "transport.sendRtcp",
        "producer.send",
        "dataProducer.send",
    }


def test_events():
    assert {f"{event.target}.{event.name}" for event in events.EVENTS} == names(EVENTS)
    assert {event.name for event in events.EVENTS if event.payload} == {"rtp", "rtcp", "message"}


def test_every_module_constant_is_in_a_table():
    rows = {value for value in vars(commands).values() if isinstance(value, commands.Command)}
    assert rows == {*COMMANDS, *PAYLOAD_REQUESTS, *PAYLOAD_NOTIFICATIONS}


@pytest.mark.parametrize(("target", "path"), KINDS)
def test_every_command_has_a_handler_in_each_class_of_its_target(target, path):
    expected = {command.name for command in COMMANDS if command.target == target}
    if target == "transport" and not path.endswith("WebRtcTransport"):
        expected -= ONLY_WEB_RTC
    if target == "transport" and not path.endswith("PipeTransport"):
        expected -= ONLY_PIPE
    found = set(handlers_of(load(path)))
    payload = {command.name for command in (*PAYLOAD_REQUESTS, *PAYLOAD_NOTIFICATIONS)}
    assert found - payload == expected


def test_every_payload_command_has_a_handler():
    found = {name for _, path in KINDS for name in handlers_of(load(path))}
    assert {command.name for command in (*PAYLOAD_REQUESTS, *PAYLOAD_NOTIFICATIONS)} <= found


@pytest.mark.parametrize(("target", "path"), KINDS)
def test_handlers_take_and_return_what_the_row_says(target, path):
    kind = load(path)
    scope = {name: value for module in BODY_MODULES for name, value in vars(module).items()}
    for handler in handlers_of(kind).values():
        row = handler.__dict__["command"]
        parameters = list(inspect.signature(handler).parameters)[1:]
        hints = typing.get_type_hints(handler, {**handler.__globals__, **scope})
        payload = row in (*PAYLOAD_REQUESTS, *PAYLOAD_NOTIFICATIONS)
        expected = ([] if row.request is NoneType else [row.request]) + ([bytes] if payload else [])
        assert [hints[name] for name in parameters] == expected, row.name
        answers = typing.get_args(hints["return"]) if row.name == "consumer.setPreferredLayers" else (hints["return"],)
        if hints["return"] == Iterator[None]:  # steps, and then nothing is answered
            answers = (NoneType,)
        for answer in answers:
            assert answer in (row.response, NoneType) or issubclass(answer, row.response), row.name


def load(path: str) -> type:
    module, _, name = path.partition(":")
    kind = getattr(importlib.import_module(module), name)
    assert isinstance(kind, type)
    return kind


BODY_MODULES = [
    importlib.import_module(f"miso.worker.channel.bodies.{name}")
    for name in (
        "base",
        "consumer",
        "data_consumer",
        "data_producer",
        "producer",
        "router",
        "rtp",
        "rtp_observer",
        "transport",
        "web_rtc_server",
        "worker",
    )
]
