"""What the operators' API is made of: who may ask, what a request's body says, how answers look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from miso.live.errors import DeniedError, LimitError, RefusedError
from miso.live.operators.operators import FORBIDDEN, UNAUTHORIZED

PREFIX: Final = "/api/v1"
MAX_BODY_BYTES: Final = 4_096
"""Of a request."""
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
CONFLICT: Final = 409
TOO_LARGE: Final = 413
UNAVAILABLE: Final = 503

Answer = Callable[[Request], Awaitable[Response]]
Check = Callable[[Request], None]
Body = TypeVar("Body", bound=BaseModel)


class WrongRequestError(Exception):
    """A request that cannot be answered as it is; the text says why.

    Attributes:
        status: HTTP's.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def of_operators(check: Check, answer: Answer) -> Answer:
    """The same, for operators only; what cannot be done is told with a status and a reason.

    Args:
        check: Raises DeniedError for a request that is no operator's.
        answer: Answers the others. It may raise WrongRequestError, and RefusedError of what it calls.
    """

    async def answered(request: Request) -> Response:
        try:
            check(request)
            response = await answer(request)
        except DeniedError as error:
            response = refused(UNAUTHORIZED if error.unauthorized else FORBIDDEN, str(error))
            if error.unauthorized:
                response.headers["WWW-Authenticate"] = "Bearer"
        except WrongRequestError as error:
            response = refused(error.status, str(error))
        except LimitError as error:
            response = refused(UNAVAILABLE, str(error))
        except RefusedError as error:
            response = refused(CONFLICT, str(error))
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answered


def done(data: object, message: str, status: int = 200, more: Mapping[str, object] | None = None) -> Response:
    """It went well.

    Args:
        data: What was asked for.
        message: The same in words.
        status: HTTP's.
        more: Beside ``data``, where Node-Media-Server has it there.
    """
    return JSONResponse({"success": True, "data": data, "message": message, **(more or {})}, status)


def refused(status: int, why: str) -> Response:
    """It did not. Node-Media-Server has the reason in ``message`` of some answers, in ``error`` of others."""
    return JSONResponse({"success": False, "data": {}, "message": why, "error": why}, status)


async def read_body(request: Request, model: type[Body]) -> Body:
    """What a request says, as JSON.

    Raises:
        WrongRequestError: It is too long, or not as expected; the text has the place, and not the value.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise WrongRequestError(TOO_LARGE, f"the request has more than {MAX_BODY_BYTES} bytes")
    return parse_body(body, model)


def parse_body(body: bytes, model: type[Body]) -> Body:
    """A body's JSON; see :func:`read_body`."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = (_problem(problem["loc"], problem["msg"]) for problem in error.errors())
        raise WrongRequestError(BAD_REQUEST, "; ".join(problems)) from error


def number(request: Request, name: str, default: int, most: int, *, least: int = 0) -> int:
    """A number of a request's query.

    Raises:
        WrongRequestError: It is none from ``least`` to ``most``.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise WrongRequestError(BAD_REQUEST, f"{name} is to be a number from {least} to {most}")
    return int(text)


def _problem(place: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(str(step) for step in place) or 'the request'}: {what.removeprefix('Value error, ')}"
