"""What all requests of programs have in common: who may ask, how a body is read, what errors are answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from miso.controller import ControllerError, UnsupportedError
from miso.demo.broadcasters.access import UNAUTHORIZED, check_access
from miso.demo.limits.per_client import TOO_LARGE
from miso.demo.metrics import Metrics
from miso.demo.rooms.requests.messages import Body
from miso.demo.settings import Settings
from miso.protoo import RequestError
from miso.serving.client_address import client_address

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 102_400
"""Of a request's JSON."""
BAD_REQUEST = 400
UNSUPPORTED_MEDIA_TYPE = 415
FAILED = 500

BodyT = TypeVar("BodyT", bound=Body)
Answer = Callable[[Request], Awaitable[Response]]


class Guard:
    """Stands before every answer."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    def guarded(self, answer: Answer) -> Answer:
        """The same with access checked, and with every error told to who asked, and to nobody else."""

        async def guarded(request: Request) -> Response:
            try:
                check_access(request, self.address(request), self._settings)
                response = await answer(request)
            except RequestError as error:
                response = _refusal(error.code or FAILED, "Error", error.reason)
            except (TypeError, ValueError) as error:  # msgspec's and orjson's errors are among them
                response = _refusal(BAD_REQUEST, "TypeError", str(error))
            except UnsupportedError as error:
                response = _refusal(FAILED, "UnsupportedError", str(error))
            except ControllerError as error:
                response = _refusal(FAILED, "Error", str(error))
            except ClientDisconnect:
                response = _refusal(BAD_REQUEST, "Error", "the request ended early")
            except Exception:  # a bug of ours: the program gets its answer, the log the whole story
                logger.exception("%s of a broadcaster failed", request.method)
                response = _refusal(FAILED, "Error", "internal error")
            self._metrics.broadcaster_requests.labels(str(response.status_code)).inc()
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return guarded

    def address(self, request: Request) -> str:
        """Where a request comes from, behind trusted proxies."""
        host = request.client.host if request.client is not None else ""
        forwarded_for = ", ".join(request.headers.getlist("x-forwarded-for"))
        return client_address(host, forwarded_for, self._settings.trusted_proxies)


async def read_body(request: Request, body: type[BodyT]) -> BodyT:
    """The request's JSON; an empty one counts as ``{}``.

    Raises:
        RequestError: It is too long, or declared as something else than JSON.
        ValueError: It is no JSON object of that kind.
    """
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise RequestError(TOO_LARGE, "request entity too large")
    if not content:
        return msgspec.convert({}, body)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RequestError(UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    return msgspec.convert(data, body)


def _refusal(status: int, kind: str, reason: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else {}
    return PlainTextResponse(f"{kind}: {reason}", status, headers)
