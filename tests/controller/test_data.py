"""Data producers and data consumers in a scripted worker."""

from __future__ import annotations

from typing import Any

import pytest

from miso.controller import (
    NotFoundError,
    Router,
    UnsupportedError,
)
from tests.controller.objects import transport_of


async def test_data_consumers_take_the_streams_in_turn(router: Router) -> None:
    transport = await transport_of(router)
    data_producer = await transport.produce_data(
        sctp_stream_parameters={"streamId": 666, "maxPacketLifeTime": 5000}, label="foo", protocol="bar"
    )
    assert (data_producer.type, data_producer.label, data_producer.protocol) == ("sctp", "foo", "bar")

    async def stream_id() -> int:
        data_consumer = await transport.consume_data(data_producer_id=data_producer.id)
        assert data_consumer.sctp_stream_parameters is not None
        assert data_consumer.sctp_stream_parameters.ordered is False
        assert data_consumer.sctp_stream_parameters.max_packet_life_time == 5000
        consumers[data_consumer.sctp_stream_parameters.stream_id] = data_consumer
        return data_consumer.sctp_stream_parameters.stream_id

    consumers: dict[int, Any] = {}
    assert [await stream_id() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UnsupportedError, match="no sctpStreamId available"):
        await stream_id()
    consumers[1].close()
    assert await stream_id() == 1
    assert await consumers[1].get_buffered_amount() == 1234
    consumers[2].close()
    for taken in (1, 3, -1):
        with pytest.raises(UnsupportedError, match=f"sctpStreamId {taken} is not one of 3 or is in use"):
            await transport.consume_data(data_producer_id=data_producer.id, stream_id=taken)
    wanted = await transport.consume_data(data_producer_id=data_producer.id, stream_id=2)
    assert wanted.sctp_stream_parameters is not None
    assert wanted.sctp_stream_parameters.stream_id == 2


async def test_data_consumer_s_reliability_can_differ(router: Router) -> None:
    transport = await transport_of(router)
    data_producer = await transport.produce_data(sctp_stream_parameters={"streamId": 1})
    data_consumer = await transport.consume_data(
        data_producer_id=data_producer.id, ordered=False, max_retransmits=3, app_data={"a": 1}
    )
    params = data_consumer.sctp_stream_parameters
    assert params is not None
    assert (params.stream_id, params.ordered, params.max_retransmits) == (0, False, 3)
    assert data_consumer.app_data == {"a": 1}


async def test_wrong_data_producers_and_consumers(router: Router) -> None:
    transport = await transport_of(router)
    with pytest.raises(TypeError, match="params is not an object"):
        await transport.produce_data()
    with pytest.raises(NotFoundError, match='DataProducer with id "chicken" not found'):
        await transport.consume_data(data_producer_id="chicken")
    await transport.produce_data(id="mine", sctp_stream_parameters={"streamId": 1})
    with pytest.raises(TypeError, match="already exists"):
        await transport.produce_data(id="mine", sctp_stream_parameters={"streamId": 1})
    plain = await router.create_plain_transport(listen_ip="127.0.0.1")
    with pytest.raises(TypeError, match="without SCTP"):
        await plain.consume_data(data_producer_id="mine")
