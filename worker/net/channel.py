"""The two channels to the controller: frames in become requests, replies and events go out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import TypeVarTuple

from miso.worker.channel.codec import (
    Request,
    RequestError,
    encode_error,
    encode_event,
    encode_response,
    parse_payload_header,
    parse_request,
)
from miso.worker.channel.descriptors import CHANNEL_IN, CHANNEL_OUT, PAYLOAD_IN, PAYLOAD_OUT
from miso.worker.channel.framing import MAX_BODY_SIZE, FrameReader, OversizeFrame, PairReader
from miso.worker.errors import CommandError, MisoError, ParseError
from miso.worker.faults import FATAL, brief, faults
from miso.worker.net.inbox import Inbox
from miso.worker.net.pipes import IncomingPipe, OutgoingPipe
from miso.worker.net.turns import Turns

logger = logging.getLogger(__name__)

Arguments = TypeVarTuple("Arguments")


class Channel:
    """Descriptors 3 to 6. Implements ``miso.worker.rtc.context.Notifier``.

    Attributes:
        on_request: Called for every command; its answer (a body or None) becomes the reply. A generator is a command
            with much to do: media goes on between its steps, the reply (without a body) and the commands after it wait
            for the last one. It raises ``miso.worker.errors`` for the error reply.
        on_payload: Called for every message of the payload channel, with the payload.
        on_end: Called once when the controller has gone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        on_request: Callable[[Request], object | None],
        on_payload: Callable[[Request, bytes], object | None],
        on_end: Callable[[], None],
    ) -> None:
        """Opens the pipes; nothing is read before ``start``. What comes is done in ``turns``.

        Raises:
            OSError: One of the descriptors is not open.
        """
        self.on_request = on_request
        self.on_payload = on_payload
        self._loop = loop
        self._on_end = on_end
        self._ended = False
        self._frames = FrameReader()
        self._pairs = PairReader()
        self._requests: Inbox[bytes | OversizeFrame] = Inbox(turns, self._answer)
        self._payloads: Inbox[tuple[bytes | OversizeFrame, bytes | OversizeFrame]] = Inbox(turns, self._take_payload)
        self._out = OutgoingPipe(loop, CHANNEL_OUT, self._end)
        self._payload_out = OutgoingPipe(loop, PAYLOAD_OUT, self._end)
        self._incoming: list[IncomingPipe] = []
        self._held: list[bytes] | None = None

    def start(self) -> None:
        """Starts reading.

        Raises:
            OSError: One of the descriptors is not open.
        """
        self._incoming.append(IncomingPipe(self._loop, CHANNEL_IN, self._on_channel_data, self._end))
        self._incoming.append(IncomingPipe(self._loop, PAYLOAD_IN, self._on_payload_data, self._end))

    def close(self) -> None:
        """Stops reading, writes what can be written at once; idempotent."""
        self._ended = True
        for pipe in self._incoming:
            pipe.close()
        self._requests.close()
        self._payloads.close()
        self._out.close()
        self._payload_out.close()

    @property
    def dropped(self) -> int:
        """How many notifications and log lines were dropped because the controller did not read."""
        return self._out.dropped + self._payload_out.dropped

    # ------------------------------------------------------------ out

    def notify(self, target_id: str | int, event: str, body: object | None = None) -> None:
        """Sends an event; one that a ``reply_first`` command causes waits for its reply."""
        message = encode_event(target_id, event, body)
        if self._held is not None:
            self._held.append(message)
        else:
            self._out.send(message, droppable=True)

    def notify_with_payload(self, target_id: str, event: str, body: object | None, payload: bytes) -> None:
        """Sends an event and its payload on the payload channel."""
        self._payload_out.send(encode_event(target_id, event, body), payload, droppable=True)

    def send_log(self, body: bytes) -> None:
        """Sends a log line's frame."""
        self._out.send(body, droppable=True)

    # ------------------------------------------------------------ in

    def _on_channel_data(self, data: bytes) -> None:
        self._out.gather(self._requests.put, self._frames.feed(data), self._incoming[0])

    def _answer(self, body: bytes | OversizeFrame) -> Iterator[None] | None:
        if isinstance(body, OversizeFrame):
            logger.error("frame of %d bytes skipped, at most %d are allowed", body.size_bytes, MAX_BODY_SIZE)
            return None
        try:
            request = parse_request(body)
        except RequestError as error:
            logger.error("request refused: %s", error)
            self._out.send(error.frame)
            return None
        except ParseError as error:
            logger.error("request dropped: %s", error)
            return None
        self._held = [] if request.command.reply_first else None
        reply = _reply(request, self.on_request, request)
        if isinstance(reply, bytes):
            self._say(reply)
            return None
        return _in_steps(request, reply, self._say)

    def _say(self, reply: bytes) -> None:
        """Sends a reply, then what was to wait for it."""
        self._out.send(reply)
        held, self._held = self._held, None
        for message in held or ():
            self._out.send(message, droppable=True)

    def _on_payload_data(self, data: bytes) -> None:
        self._payload_out.gather(self._payloads.put, self._pairs.feed(data), self._incoming[1])

    def _take_payload(self, message: tuple[bytes | OversizeFrame, bytes | OversizeFrame]) -> Iterator[None] | None:
        header, payload = message
        if isinstance(header, OversizeFrame):
            logger.error("payload header of %d bytes skipped, at most %d are allowed", header.size_bytes, MAX_BODY_SIZE)
            return None
        try:
            request = parse_payload_header(header)
        except RequestError as error:
            logger.error("payload request refused: %s", error)
            self._payload_out.send(error.frame)
            return None
        except ParseError as error:
            logger.error("payload message dropped: %s", error)
            return None

        def work() -> object | None:
            if isinstance(payload, OversizeFrame):
                raise CommandError(f"payload of {payload.size_bytes} bytes, at most {MAX_BODY_SIZE} are allowed")
            return self.on_payload(request, payload)

        if request.id:
            reply = _reply(request, work)
            if not isinstance(reply, bytes):
                return _in_steps(request, reply, self._payload_out.send)
            self._payload_out.send(reply)
            return None
        try:
            work()
        except MisoError as error:
            logger.warning("payload notification dropped: %s [event:%s]", error, request.method)
        except FATAL:
            raise
        except BaseException as error:  # noqa: BLE001  a bug that one message meets is not the others' loss
            faults.record(error, _about(request))
        return None

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._on_end()


def _reply(
    request: Request, work: Callable[[*Arguments], object | None], *arguments: *Arguments
) -> bytes | Iterator[None]:
    """What to reply to a request, or the steps that are to be done before."""
    try:
        answer = work(*arguments)
        if isinstance(answer, GeneratorType):
            return answer
        reply = encode_response(request, answer)
    except MisoError as error:
        logger.info("request refused: %s [method:%s]", error, request.method)
        return encode_error(request.id, error, request.method)
    except FATAL:
        raise
    except BaseException as error:  # noqa: BLE001  a bug that one command meets is not the others' loss
        faults.record(error, _about(request))
        return encode_error(request.id, CommandError(f"internal error: {brief(error):.200}"), request.method)
    if len(reply) > MAX_BODY_SIZE:
        return encode_error(request.id, CommandError(f"the reply has {len(reply)} bytes"), request.method)
    return reply


def _in_steps(request: Request, steps: Iterator[None], say: Callable[[bytes], object]) -> Iterator[None]:
    """Says the reply after the last step."""
    while not isinstance(reply := _reply(request, _go_on, steps), bytes):
        yield
    say(reply)


def _go_on(steps: Iterator[None]) -> Iterator[None] | None:
    """One step; gives what is left, or None as the answer of a command without one."""
    return None if next(steps, True) else steps


def _about(request: Request) -> str:
    return f"{request.method} of {request.handler_id or 'the worker'}"
