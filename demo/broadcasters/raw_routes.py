"""Routes whose path is split at its slashes before it is decoded, so that an id in it may be any text, with slashes."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope


class RawRoute(Route):
    """A route that finds ``a/b`` in ``/rooms/a%2Fb``, as servers do that split first."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for this route, and its parameters, decoded."""
        if "raw_path" not in scope:  # a server need not give it
            return super().matches(scope)
        match, found = super().matches({**scope, "path": scope["raw_path"].decode("latin-1")})
        if "path_params" in found:
            found["path_params"] = {name: unquote(value) for name, value in found["path_params"].items()}
        return match, found
