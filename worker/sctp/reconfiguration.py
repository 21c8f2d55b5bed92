# cython: language_level=3, annotation_typing=False
"""Stream reset and added streams (RFC 6525): one request of ours at a time, and answers to the peer's.

https://www.rfc-editor.org/rfc/rfc6525.html#section-4
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct, iter_unpack

from miso.worker.errors import ParseError
from miso.worker.sctp import enums
from miso.worker.sctp.events import Event, OutboundStreamsChanged, StreamResetRefused, StreamsReset
from miso.worker.sctp.receiving.data_receiver import DataReceiver
from miso.worker.sctp.sending.data_sender import DataSender
from miso.worker.sctp.sending.send_queue import SendQueue
from miso.worker.sctp.wire.chunks import chunk
from miso.worker.sctp.wire.constants import ChunkType, ParameterType
from miso.worker.sctp.wire.parameters import Parameter, joined, parse_parameters

_MAX_STREAMS_PER_REQUEST = 128
_MAX_WAITING_RESETS = 4096  # of streams we send on; a peer that wants more has to ask again
_MAX_TRANSMITS = 10
_MAX_PARAMETERS = 2  # of a RE-CONFIG (RFC 6525 section 3.1)

_OUTGOING = Struct("!III")
_NUMBER = Struct("!I")
_RESPONSE = Struct("!II")
_ADD = Struct("!IHH")


class Result(IntEnum):
    """What an answer says of a request (RFC 6525 section 4.4)."""

    NOTHING_TO_DO = 0
    PERFORMED = 1
    DENIED = 2
    WRONG_STREAM = 3
    REQUEST_IN_PROGRESS = 4
    BAD_NUMBER = 5
    IN_PROGRESS = 6


@dataclass(slots=True)
class _Request:
    """Ours, until it is answered.

    Attributes:
        type: what it asks for.
        number: of the request.
        stream_ids: to be reset.
        last_tsn: the last one that was sent before an outgoing reset.
        answers: number of the peer's request that asked for it, 0 for none.
        new_streams: how many are to be added.
        transmits: how often it has left.
    """

    type: ParameterType
    number: int
    stream_ids: tuple[int, ...] = ()
    last_tsn: int = 0
    answers: int = 0
    new_streams: int = 0
    transmits: int = 1

    def to_bytes(self) -> bytes:
        ids = b"".join(stream_id.to_bytes(2, "big") for stream_id in self.stream_ids)
        if self.type == ParameterType.OUTGOING_RESET_REQUEST:
            value = _OUTGOING.pack(self.number, self.answers, self.last_tsn) + ids
        elif self.type == ParameterType.INCOMING_RESET_REQUEST:
            value = _NUMBER.pack(self.number) + ids
        else:
            value = _ADD.pack(self.number, self.new_streams, 0)
        return chunk(ChunkType.RE_CONFIG, 0, Parameter(self.type, value).to_bytes())


class Reconfiguration:
    """Both sides' requests.

    Streams to be reset wait in an ordered table; once 4096 do, the peer's requests for more have to wait. A request
    names 128 of them at most, and only those whose messages are all acknowledged, so that the peer need not put it off.

    Attributes:
        outbound_streams: how many we may send on.
    """

    def __init__(
        self,
        receiver: DataReceiver,
        sender: DataSender,
        queue: SendQueue,
        *,
        local_tsn: int,
        peer_tsn: int,
        outbound_streams: int,
        max_inbound_streams: int,
        echoes_resets: bool,
    ) -> None:
        self.outbound_streams = outbound_streams
        self._receiver = receiver
        self._sender = sender
        self._queue = queue
        self._max_inbound_streams = max_inbound_streams
        self._echoes_resets = echoes_resets
        self._next_number = local_tsn  # of our next request
        self._expected = peer_tsn  # number of the peer's next one
        self._last_result = Result.NOTHING_TO_DO  # of the peer's last one
        self._request: _Request | None = None  # ours that waits for its answer
        self._outgoing: dict[int, None] = {}  # streams to be reset, as an ordered set
        self._incoming: dict[int, None] = {}  # streams that the peer is to reset, likewise
        self._answers = 0  # number of the peer's request that our next reset does what it asks for
        self._to_add = 0  # streams to ask for
        self._expects_echo: set[int] = set()  # streams we began to reset: the peer's own reset needs no answer
        self._events: list[Event] = []

    def take_events(self) -> list[Event]:
        """Those since the last call."""
        events = self._events
        if events:
            self._events = []
        return events

    # ------------------------------------------------------------------ our requests

    def reset_outgoing(self, stream_id: int) -> None:
        """Asks for the reset of a stream we send on, when all sent on it before is acknowledged."""
        if stream_id < self.outbound_streams:
            self._queue_outgoing(stream_id)
            if self._echoes_resets:
                self._expects_echo.add(stream_id)

    def reset_incoming(self, stream_id: int) -> None:
        """Asks the peer to reset a stream it sends on."""
        self._incoming[stream_id] = None

    def add_outgoing_streams(self, count: int) -> None:
        """Asks for more streams to send on; no more than 65535 in all."""
        self._to_add = min(max(self._to_add, count), enums.MAX_STREAMS - self.outbound_streams)

    def on_message_sent(self, stream_id: int) -> None:
        """The stream is in use again: a reset by the peer is not the echo of ours, unless ours is still to be done."""
        if stream_id in self._outgoing or (self._request is not None and stream_id in self._request.stream_ids):
            return
        self._expects_echo.discard(stream_id)

    def next_request(self) -> bytes | None:
        """The RE-CONFIG chunk to send now: none while one waits for its answer, or nothing is asked for."""
        if self._request is not None:
            return None
        if self._outgoing and (ready := self._take_drained()):
            self._request = _Request(
                ParameterType.OUTGOING_RESET_REQUEST,
                self._take_number(),
                tuple(ready),
                last_tsn=self._sender.last_assigned_tsn(),
                answers=self._answers,
            )
        elif self._incoming:
            ids = list(self._incoming)[:_MAX_STREAMS_PER_REQUEST]
            for stream_id in ids:
                del self._incoming[stream_id]
            self._request = _Request(ParameterType.INCOMING_RESET_REQUEST, self._take_number(), tuple(ids))
        elif self._to_add:
            self._request = _Request(ParameterType.ADD_OUTGOING_STREAMS, self._take_number(), new_streams=self._to_add)
            self._to_add = 0
        return None if self._request is None else self._request.to_bytes()

    def is_waiting(self) -> bool:
        """Whether a request waits for its answer, so that its timer runs."""
        return self._request is not None

    def on_timeout(self) -> bytes | None:
        """The request again; None when it was given up after ten times."""
        request = self._request
        if request is None:
            return None
        request.transmits += 1
        if request.transmits > _MAX_TRANSMITS:
            self._finish(request, was_done=False)
            return None
        return request.to_bytes()

    def _queue_outgoing(self, stream_id: int) -> None:
        self._outgoing[stream_id] = None
        self._queue.hold(stream_id)

    def _take_drained(self) -> list[int]:
        """Looks at 128 waiting streams at most; those that are not drained go to the end of the line."""
        ready = []
        for stream_id in [
            stream_id for stream_id, _ in zip(self._outgoing, range(_MAX_STREAMS_PER_REQUEST), strict=False)
        ]:
            del self._outgoing[stream_id]
            if self._queue.is_drained(stream_id):
                ready.append(stream_id)
            else:
                self._outgoing[stream_id] = None
        return sorted(ready)

    def _take_number(self) -> int:
        number = self._next_number
        self._next_number = (number + 1) & 0xFFFFFFFF
        return number

    def _finish(self, request: _Request, *, was_done: bool) -> None:
        self._request = None
        if request.type == ParameterType.ADD_OUTGOING_STREAMS:
            if was_done:
                self.outbound_streams += request.new_streams
                self._events.append(OutboundStreamsChanged(self.outbound_streams))
            return
        if request.type == ParameterType.OUTGOING_RESET_REQUEST:
            for stream_id in request.stream_ids:
                if stream_id not in self._outgoing:
                    self._queue.release(stream_id, was_done)
            if was_done:
                self._events.append(StreamsReset(request.stream_ids, incoming=False))
        if not was_done:
            self._expects_echo.difference_update(request.stream_ids)
            self._events.append(StreamResetRefused(request.stream_ids))

    # ------------------------------------------------------------------ what the peer says

    def receive(self, data: bytes, offset: int, end: int) -> bytes | None:
        """Takes the value of a RE-CONFIG chunk, and gives the RE-CONFIG chunk that answers it, if any.

        Raises:
            ParseError: a parameter is cut, or too short for its type.
        """
        answers = []
        for parameter in parse_parameters(data, offset, end)[:_MAX_PARAMETERS]:
            if parameter.type == ParameterType.RECONFIG_RESPONSE:
                self._on_response(parameter.value)
            elif parameter.type in _REQUEST_SIZES:
                answers.append(self._on_request(parameter))
            elif parameter.stops_parsing:
                break
        return chunk(ChunkType.RE_CONFIG, 0, joined(answers)) if answers else None

    def _on_response(self, value: bytes) -> None:
        if len(value) < _RESPONSE.size:
            raise ParseError(
                f"SCTP reconfiguration response is too short: have {len(value)} bytes, need {_RESPONSE.size}"
            )
        number, result = _RESPONSE.unpack_from(value)
        request = self._request
        if request is None or number != request.number:
            return
        if result in (Result.IN_PROGRESS, Result.REQUEST_IN_PROGRESS):
            # Some answer a repeated number as the first time for ever; by now they could have done what they put off.
            if self._sender.is_acknowledged(request.last_tsn):
                request.number = self._take_number()
            return
        if request.type == ParameterType.INCOMING_RESET_REQUEST and result == Result.NOTHING_TO_DO:
            self._request = None
            return
        self._finish(request, was_done=result in (Result.NOTHING_TO_DO, Result.PERFORMED))

    def _on_request(self, parameter: Parameter) -> Parameter:
        value = parameter.value
        needed = _REQUEST_SIZES[parameter.type]
        if len(value) < needed:
            raise ParseError(f"SCTP reconfiguration request is too short: have {len(value)} bytes, need {needed}")
        number = _NUMBER.unpack_from(value)[0]
        is_repeated = number == (self._expected - 1) & 0xFFFFFFFF
        if number == self._expected or (is_repeated and self._last_result == Result.IN_PROGRESS):
            self._expected = (number + 1) & 0xFFFFFFFF
            self._last_result = self._perform(parameter)
        elif not is_repeated:
            return _response(number, Result.BAD_NUMBER)
        return _response(number, self._last_result)

    def _perform(self, parameter: Parameter) -> Result:
        value = parameter.value
        if parameter.type == ParameterType.OUTGOING_RESET_REQUEST:
            return self._reset_inbound(value)
        if parameter.type == ParameterType.INCOMING_RESET_REQUEST:
            if len(self._outgoing) >= _MAX_WAITING_RESETS:
                return Result.IN_PROGRESS
            ids = _stream_ids(value, _NUMBER.size) or self._queue.stream_ids()
            if ids and max(ids) >= self.outbound_streams:
                return Result.WRONG_STREAM
            self._answers = _NUMBER.unpack_from(value)[0]
            for stream_id in ids:
                self._queue_outgoing(stream_id)
            return Result.PERFORMED if ids else Result.NOTHING_TO_DO
        if parameter.type == ParameterType.ADD_OUTGOING_STREAMS:
            added = _ADD.unpack_from(value)[1]
            if self._receiver.streams + added > self._max_inbound_streams:
                return Result.DENIED
            self._receiver.streams += added
            return Result.PERFORMED
        return Result.DENIED  # the whole association's numbers, and our streams' count, are ours to change

    def _reset_inbound(self, value: bytes) -> Result:
        if self._echoes_resets and len(self._outgoing) >= _MAX_WAITING_RESETS:
            return Result.IN_PROGRESS
        _number, answers, last_tsn = _OUTGOING.unpack_from(value)
        ids = _stream_ids(value, _OUTGOING.size)
        if ids and max(ids) >= self._receiver.streams:
            return Result.WRONG_STREAM
        if not self._receiver.has_reached(last_tsn):
            self._receiver.hold(ids, last_tsn)
            return Result.IN_PROGRESS
        if self._receiver.is_draining(ids or None):
            return Result.IN_PROGRESS
        ids = sorted(set(self._receiver.reset(ids or None)))
        request = self._request
        if request and request.type == ParameterType.INCOMING_RESET_REQUEST and request.number == answers:
            self._request = None
        self._events.append(StreamsReset(tuple(ids), incoming=True))
        if self._echoes_resets:
            self._echo(ids)
        return Result.PERFORMED

    def _echo(self, ids: list[int]) -> None:
        """A data channel closes when both directions are reset (RFC 8831 section 6.7).

        What we began is not echoed again.
        """
        for stream_id in ids:
            if stream_id in self._expects_echo:
                self._expects_echo.discard(stream_id)
            elif stream_id < self.outbound_streams:
                self._queue_outgoing(stream_id)


# The least size of the values of requests we look at.
_REQUEST_SIZES: dict[int, int] = {
    ParameterType.OUTGOING_RESET_REQUEST: _OUTGOING.size,
    ParameterType.INCOMING_RESET_REQUEST: _NUMBER.size,
    ParameterType.SSN_TSN_RESET_REQUEST: _NUMBER.size,
    ParameterType.ADD_OUTGOING_STREAMS: _ADD.size,
    ParameterType.ADD_INCOMING_STREAMS: _ADD.size,
}


def _stream_ids(value: bytes, offset: int) -> list[int]:
    end = offset + (len(value) - offset) // 2 * 2
    return [stream_id for (stream_id,) in iter_unpack("!H", value[offset:end])]


def _response(number: int, result: Result) -> Parameter:
    return Parameter(ParameterType.RECONFIG_RESPONSE, _RESPONSE.pack(number, result))
