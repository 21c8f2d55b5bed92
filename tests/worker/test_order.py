"""What a controller hears first, the reply to a command or the events it causes: as with mediasoup's worker."""

import os
import shlex
import signal
import sys
from typing import Any

import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.data_consumer import SetBufferedAmountLowThresholdRequest
from miso.worker.channel.bodies.router import (
    CreateDirectTransportRequest,
    CreatePlainTransportRequest,
    CreateTransportRequest,
    ListenIp,
)
from miso.worker.channel.bodies.transport import (
    CloseProducerRequest,
    ConnectRequest,
    ConsumeDataRequest,
    ConsumeRequest,
    NumSctpStreams,
    ProduceDataRequest,
    ProduceRequest,
    SctpStreamParameters,
)
from miso.worker.channel.bodies.worker import CloseRouterRequest, CreateRouterRequest
from miso.worker.channel.client_codec import Accepted, Notification
from miso.worker.channel.codec import Dialect
from tests.harness import media
from tests.harness.client import WorkerClient
from tests.harness.conversation import LOCAL, ROUTER, on_consumer, on_producer, on_transport

WORKER = shlex.split(f"{sys.executable} -m miso.worker")


@pytest.fixture
def client():
    with WorkerClient(WORKER, Dialect.V3_10) as client:
        client.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router"))
        yield client


def make_transport(client, **options: Any) -> None:
    body = CreatePlainTransportRequest(transport_id="plain", listen_ip=ListenIp(ip=LOCAL), **options)
    assert isinstance(body, CreateTransportRequest)
    assert isinstance(client.request(commands.ROUTER_CREATE_PLAIN_TRANSPORT, ROUTER, body), Accepted)


def make_consumer(client) -> None:
    make_transport(client)
    produce = ProduceRequest(
        producer_id="audio", kind="audio", rtp_parameters=media.AUDIO, rtp_mapping=media.AUDIO_MAPPING
    )
    consume = ConsumeRequest(
        consumer_id="heard",
        producer_id="audio",
        kind="audio",
        type="simple",
        rtp_parameters=media.consumer_audio(71111),
        consumable_rtp_encodings=media.CONSUMABLE_AUDIO,
    )
    assert isinstance(client.request(commands.TRANSPORT_PRODUCE, on_transport("plain"), produce), Accepted)
    assert isinstance(client.request(commands.TRANSPORT_CONSUME, on_transport("plain"), consume), Accepted)


def events_before_the_reply(client, command, internal, body=None) -> list[str]:
    client.events.clear()
    assert isinstance(client.request(command, internal, body), Accepted)
    return [event.event for event in client.events]


def test_consumers_are_told_of_a_pause_before_the_producer_is_paused(client):
    make_consumer(client)
    producer = on_producer("plain", "audio")
    assert events_before_the_reply(client, commands.PRODUCER_PAUSE, producer) == ["producerpause"]
    assert events_before_the_reply(client, commands.PRODUCER_RESUME, producer) == ["producerresume"]


def test_consumers_are_told_of_a_close_before_the_producer_is_closed(client):
    make_consumer(client)
    body = CloseProducerRequest(producer_id="audio")
    assert events_before_the_reply(client, commands.PRODUCER_CLOSE, on_producer("plain", "audio"), body) == [
        "producerclose"
    ]


def test_a_consumer_is_known_before_its_events_come(client):
    make_consumer(client)
    ids = on_consumer("plain", "heard", "audio")
    assert isinstance(client.request(commands.CONSUMER_DUMP, ids), Accepted)
    assert client.events == []


def test_a_threshold_is_set_before_it_is_reached(client):
    sctp = {"enable_sctp": True, "num_sctp_streams": NumSctpStreams(os=16, mis=16), "max_sctp_message_size": 1000}
    make_transport(client, **sctp)
    direct = CreateDirectTransportRequest(transport_id="direct", max_message_size=1000, direct=True)
    client.request(commands.ROUTER_CREATE_DIRECT_TRANSPORT, ROUTER, direct)
    produce = ProduceDataRequest(data_producer_id="said", type="direct")
    client.request(commands.TRANSPORT_PRODUCE_DATA, on_transport("direct"), produce)
    stream = SctpStreamParameters(stream_id=1)
    consume = ConsumeDataRequest(
        data_consumer_id="heard", data_producer_id="said", type="sctp", sctp_stream_parameters=stream
    )
    client.request(commands.TRANSPORT_CONSUME_DATA, on_transport("plain"), consume)
    ids = {**on_transport("plain"), "dataConsumerId": "heard", "dataProducerId": "said"}
    threshold = SetBufferedAmountLowThresholdRequest(threshold=10)
    command = commands.DATA_CONSUMER_SET_BUFFERED_AMOUNT_LOW_THRESHOLD
    assert events_before_the_reply(client, command, ids, threshold) == []
    client.wait_for_event("bufferedamountlow", "heard")


def test_the_tuple_is_told_before_what_happens_on_it(client):
    make_transport(client, enable_sctp=True, num_sctp_streams=NumSctpStreams(os=16, mis=16), max_sctp_message_size=1000)
    body = ConnectRequest(ip=LOCAL, port=9)
    assert events_before_the_reply(client, commands.TRANSPORT_CONNECT, on_transport("plain"), body) == []
    message = client.next_message()
    assert isinstance(message, Notification)
    assert message.event == "sctpstatechange"


@pytest.fixture
def crowd(client) -> list[str]:
    """Ids of so many consumers of the producer ``audio`` that their close takes several turns of the worker's loop."""
    make_consumer(client)
    ids = [f"heard-{number}" for number in range(1000)]
    for number, consumer_id in enumerate(ids):
        consume = ConsumeRequest(
            consumer_id=consumer_id,
            producer_id="audio",
            kind="audio",
            type="simple",
            rtp_parameters=media.consumer_audio(80000 + number),
            consumable_rtp_encodings=media.CONSUMABLE_AUDIO,
        )
        assert isinstance(client.request(commands.TRANSPORT_CONSUME, on_transport("plain"), consume), Accepted)
    client.events.clear()
    return ["heard", *ids]


def test_a_large_close_is_answered_before_the_command_behind_it_is_begun(client, crowd):
    asked = [
        client.send_request(commands.ROUTER_CLOSE, ROUTER, CloseRouterRequest(router_id="router")),
        client.send_request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="router")),
        client.send_request(commands.ROUTER_DUMP, ROUTER),
    ]
    answers = [client.next_message() for _ in asked]
    assert [type(answer) for answer in answers] == [Accepted] * 3  # and nothing else: who closes it knows of all in it
    assert [answer.id for answer in answers] == asked
    assert answers[2].data["transportIds"] == []


def test_all_who_lose_a_producer_hear_of_it_before_its_close_is_answered(client, crowd):
    body = CloseProducerRequest(producer_id="audio")
    asked = client.send_request(commands.PRODUCER_CLOSE, on_producer("plain", "audio"), body)
    told = [client.next_message() for _ in crowd]
    assert [(event.target_id, event.event) for event in told] == [(one, "producerclose") for one in crowd]
    answer = client.next_message()
    assert isinstance(answer, Accepted)
    assert answer.id == asked


def test_a_worker_that_ends_in_the_middle_of_a_large_close_meets_no_fault(client, crowd):
    body = CloseProducerRequest(producer_id="audio")
    os.kill(client.pid, signal.SIGSTOP)
    client.send_request(commands.PRODUCER_CLOSE, on_producer("plain", "audio"), body)
    os.kill(client.pid, signal.SIGTERM)
    os.kill(client.pid, signal.SIGCONT)
    assert client.wait_for_exit() == 0
    assert client.stderr() == ""
