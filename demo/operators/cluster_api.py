"""``GET /api/cluster``: what this host knows of the cluster, for operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from miso.demo.json import Json
from miso.demo.operators.cluster_report import DEFAULT_ROOMS, MAX_ROOMS
from miso.live.operators.answers import done, number, of_operators
from miso.live.operators.operators import Operators

FRESH_S: Final = 0.5
"""So long an answer is good for all who ask: however many look, they cost no more than two looks a second."""


class ClusterApi:
    """Answers operators.

    Args:
        report: Makes the report, with at most so many rooms.
        operators: Who is one.
        time_s: A monotonic clock, in seconds.
    """

    def __init__(self, report: Callable[[int], Json], operators: Operators, time_s: Callable[[], float]) -> None:
        self._report = report
        self._operators = operators
        self._time_s = time_s
        self._made: tuple[float, int, Response] | None = None

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """What is to be served."""
        return [Route("/api/cluster", of_operators(self._operators.check, self._answer), methods=["GET"])]

    async def _answer(self, request: Request) -> Response:
        limit = number(request, "limit", DEFAULT_ROOMS, MAX_ROOMS)
        now_s = self._time_s()
        if self._made is not None and self._made[1] == limit and now_s < self._made[0] + FRESH_S:
            return self._made[2]
        response = done(self._report(limit), "the cluster as this host knows it")
        self._made = now_s, limit, response
        return response
