"""Which object a command reaches: by its id, in the 3.10 dialect by the ids of its parents too."""

import sys

import pytest

from miso.worker.channel import commands
from miso.worker.channel.bodies.router import CloseTransportRequest, CreateDirectTransportRequest
from miso.worker.channel.bodies.transport import CloseDataProducerRequest, ProduceDataRequest
from miso.worker.channel.bodies.worker import CreateRouterRequest
from miso.worker.channel.client_codec import Accepted, Refused
from miso.worker.channel.codec import Dialect
from tests.harness.client import WorkerClient

WORKER = [sys.executable, "-m", "miso.worker"]


@pytest.fixture
def worker():
    with WorkerClient(WORKER) as client:
        yield client


def direct_transport_with_a_producer_of_data(
    worker: WorkerClient, router: str, transport: str, producer: str
) -> Accepted | Refused:
    made = CreateDirectTransportRequest(transport_id=transport, direct=True, max_message_size=1000)
    worker.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id=router))
    worker.request(commands.ROUTER_CREATE_DIRECT_TRANSPORT, {"routerId": router}, made)
    return worker.request(
        commands.TRANSPORT_PRODUCE_DATA,
        {"routerId": router, "transportId": transport},
        ProduceDataRequest(data_producer_id=producer, type="direct", label=transport),
    )


def test_two_routers_have_producers_of_the_same_id_in_the_3_10_dialect(worker):
    for number in "12":
        made = direct_transport_with_a_producer_of_data(worker, f"r{number}", f"t{number}", "p")
        assert isinstance(made, Accepted)
    close = CloseDataProducerRequest(data_producer_id="p")
    first, second = ({"routerId": f"r{number}", "transportId": f"t{number}", "dataProducerId": "p"} for number in "12")
    labels = [worker.request(commands.DATA_PRODUCER_DUMP, ids).data["label"] for ids in (first, second)]
    assert labels == ["t1", "t2"]
    assert isinstance(worker.request(commands.DATA_PRODUCER_CLOSE, first, close), Accepted)
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, second), Accepted)
    assert isinstance(worker.request(commands.DATA_PRODUCER_CLOSE, second, close), Accepted)
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, second), Refused)


def test_one_transport_has_no_two_producers_of_the_same_id(worker):
    direct_transport_with_a_producer_of_data(worker, "r", "t", "p")
    again = direct_transport_with_a_producer_of_data(worker, "r", "t", "p")
    assert isinstance(again, Refused)
    assert again.error == "Error"


def test_an_id_is_new_in_the_whole_worker_in_the_3_12_dialect():
    with WorkerClient(WORKER, Dialect.V3_12) as worker:
        assert isinstance(direct_transport_with_a_producer_of_data(worker, "r1", "t1", "p"), Accepted)
        assert isinstance(direct_transport_with_a_producer_of_data(worker, "r2", "t2", "p"), Refused)


def two_producers_of_the_same_id(worker: WorkerClient) -> tuple[dict[str, str], dict[str, str]]:
    for number in "12":
        made = direct_transport_with_a_producer_of_data(worker, f"r{number}", f"t{number}", "p")
        assert isinstance(made, Accepted)
    first, second = ({"routerId": f"r{number}", "transportId": f"t{number}", "dataProducerId": "p"} for number in "12")
    return first, second


def error_of(worker: WorkerClient, body: bytes) -> str | None:
    worker.send(body)
    reply = worker.reply_to(int(body.partition(b":")[0]) if body[:1] != b"{" else 90)
    return reply.error if isinstance(reply, Refused) else None


def test_a_command_for_what_is_closed_does_not_reach_its_namesake(worker):
    first, second = two_producers_of_the_same_id(worker)
    worker.request(commands.DATA_PRODUCER_CLOSE, first, CloseDataProducerRequest(data_producer_id="p"))
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, first), Refused)
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, second), Accepted)


@pytest.mark.parametrize("wrong", [{"transportId": "t2"}, {"transportId": "nobody"}, {"routerId": "r2"}])
def test_a_command_with_another_parent_is_refused(worker, wrong):
    direct_transport_with_a_producer_of_data(worker, "r1", "t1", "p")
    direct_transport_with_a_producer_of_data(worker, "r2", "t2", "q")
    ids = {"routerId": "r1", "transportId": "t1", "dataProducerId": "p"}
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, ids), Accepted)
    refused = worker.request(commands.DATA_PRODUCER_DUMP, {**ids, **wrong})
    assert isinstance(refused, Refused)
    assert refused.error == "Error"
    close = CloseDataProducerRequest(data_producer_id="p")
    assert isinstance(worker.request(commands.DATA_PRODUCER_CLOSE, {**ids, **wrong}, close), Refused)
    assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, ids), Accepted)


def test_a_transport_of_another_router_is_not_closed(worker):
    direct_transport_with_a_producer_of_data(worker, "r1", "t1", "p")
    worker.request(commands.WORKER_CREATE_ROUTER, {}, CreateRouterRequest(router_id="r2"))
    close = CloseTransportRequest(transport_id="t1")
    assert isinstance(worker.request(commands.TRANSPORT_CLOSE, {"routerId": "r2"}, close), Refused)
    assert isinstance(worker.request(commands.TRANSPORT_CLOSE, {"routerId": "r1"}, close), Accepted)


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":90,"method":"dataProducer.dump","internal":{"dataProducerId":"p"}}',
        b"90:dataProducer.dump:p:undefined",
        b"90:dataProducer.close:p:undefined",
        b'{"id":90,"method":"dataProducer.close","internal":{"dataProducerId":"p"}}',
    ],
)
def test_an_id_that_two_objects_have_reaches_neither_without_the_parent(worker, body):
    first, second = two_producers_of_the_same_id(worker)
    assert error_of(worker, body) == "Error"
    for ids in (first, second):
        assert isinstance(worker.request(commands.DATA_PRODUCER_DUMP, ids), Accepted)


@pytest.mark.parametrize("handler_id", ["", "undefined", "null", "worker", "nobody"])
@pytest.mark.parametrize("method", ["router.dump", "transport.dump", "router.closeTransport", "webRtcServer.dump"])
def test_without_a_handler_that_there_is_nothing_is_done(worker, method, handler_id):
    direct_transport_with_a_producer_of_data(worker, "r", "t", "p")
    ids = {"routerId": "r", "transportId": "t"}
    assert error_of(worker, f'90:{method}:{handler_id}:{{"transportId":"t"}}'.encode()) == "Error"
    assert error_of(worker, f'{{"id":90,"method":"{method}","data":{{"transportId":"t"}}}}'.encode()) == "Error"
    assert isinstance(worker.request(commands.TRANSPORT_DUMP, ids), Accepted)


@pytest.mark.parametrize(
    "internal", ['{"routerId":5,"transportId":"t"}', '{"routerId":"r","transportId":null}', "null"]
)
def test_an_id_that_is_no_text_reaches_nothing(worker, internal):
    direct_transport_with_a_producer_of_data(worker, "r", "t", "p")
    assert error_of(worker, f'{{"id":90,"method":"transport.dump","internal":{internal}}}'.encode()) == "Error"
