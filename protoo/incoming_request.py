"""A request of the other side, waiting for our answer."""

from __future__ import annotations

import logging
from collections.abc import Callable

from miso.protoo.errors import RequestError
from miso.protoo.message import ErrorResponse, Request, SuccessResponse

logger = logging.getLogger(__name__)

INTERNAL_ERROR = 500
"""``errorCode`` of a request that failed without saying how."""


class IncomingRequest:
    """A request that was received. The first :meth:`accept` or :meth:`reject` answers it, later ones do nothing.

    Attributes:
        id, method, data: As of :class:`miso.protoo.message.Request`.
        answered: Whether :meth:`accept` or :meth:`reject` was called.
    """

    __slots__ = ("_send", "answered", "data", "id", "method")

    def __init__(self, request: Request, send: Callable[[SuccessResponse | ErrorResponse], None]) -> None:
        self.id = request.id
        self.method = request.method
        self.data = request.data
        self._send = send
        self.answered = False

    def accept(self, data: object = None) -> None:
        """Answers with success.

        Raises:
            TypeError: ``data`` holds something that JSON cannot say; the request is still unanswered.
        """
        self._answer(SuccessResponse(self.id, data))

    def reject(self, error: BaseException | int, reason: str | BaseException = "") -> None:
        """Answers with an error.

        Args:
            error: The error code; or an exception, whose text becomes the reason. A :class:`RequestError` brings
                its own code, any other exception has :data:`INTERNAL_ERROR`.
            reason: The reason that goes with a code.
        """
        if isinstance(error, RequestError):
            code, text = error.code or INTERNAL_ERROR, error.reason
        elif isinstance(error, BaseException):
            code, text = INTERNAL_ERROR, str(error) or type(error).__name__
        else:
            code, text = error, str(reason)
        self._answer(ErrorResponse(self.id, code, text))

    def _answer(self, response: SuccessResponse | ErrorResponse) -> None:
        if self.answered:
            logger.warning("request answered twice: method=%s id=%s", self.method, self.id)
            return
        self._send(response)
        self.answered = True
