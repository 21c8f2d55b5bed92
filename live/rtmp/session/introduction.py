"""What a client says of itself when it connects, and whether it is taken for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from miso.live.media.amf import Value
from miso.live.rtmp.address import VIA, Application, read_application
from miso.live.rtmp.adobe_login import Logins, split_login

_PUBLISHERS_TYPE: Final = "nonprivate"
"""What encoders say of themselves in ``connect``, and players do not."""


def _nobody_is_refused() -> None:
    pass


@dataclass(frozen=True, slots=True)
class LoginRules:
    """Who is to say who it is.

    Attributes:
        logins: What they are asked; None: nobody is.
        players_log_in: Those that play are among them.
        check_tries: Called before an answer is looked at; raises RefusedError when none is any more.
    """

    logins: Logins | None = None
    players_log_in: bool = False
    check_tries: Callable[[], None] = _nobody_is_refused


def read_introduction(members: Mapping[str, Value], rules: LoginRules, now_s: float) -> Application:
    """What a client is connected to, and as whom.

    Args:
        members: Of what ``connect`` has.
        rules: Who is to say who it is.
        now_s: The time.

    Raises:
        LoginFailedError: It is not who it says it is.
        RefusedError: It is to say who it is, and the text tells how; or what it wants cannot be.
    """
    app, tc_url = members.get("app"), members.get("tcUrl", members.get("tcurl"))
    app, login = split_login(app if isinstance(app, str) else "")
    tc_url, _ = split_login(tc_url if isinstance(tc_url, str) else "")
    application = read_application(app, tc_url, members.get(VIA))
    if rules.logins is None:
        return application
    has_shown = application.password or not application.query.keys().isdisjoint(("token", "pass"))
    # That it publishes is to be guessed: encoders say so. Who does not, is asked for nothing, and gets nothing.
    is_asked = rules.players_log_in or members.get("type") == _PUBLISHERS_TYPE
    if login is None and (has_shown or not is_asked):
        return application
    if login is not None and login.response:
        rules.check_tries()
    return replace(application, user=rules.logins.check(login, now_s), password="", is_proved=True)
