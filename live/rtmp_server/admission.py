"""Whether a client may publish what it asks for, and what it is told when it may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from miso.live.access.gate import Asking
from miso.live.access.tokens import Action
from miso.live.engine.services import Live
from miso.live.errors import DeniedError, LimitError, LiveError
from miso.live.rtmp.address import Address
from miso.live.rtmp.session.events import PublishAsked
from miso.live.rtmp.status import Code
from miso.live.sessions.session import Role, Session
from miso.live.streams.publication import Publication


class Who(NamedTuple):
    """Who asks.

    Attributes:
        protocol: ``rtmp`` or ``rtmps``.
        address: An IP address.
        on_kick: Called when an operator ends its session.
    """

    protocol: str
    address: str
    on_kick: Callable[[], None]


class AdmittedPublisher(NamedTuple):
    """A publisher that may begin.

    Attributes:
        session: Its session, which has not begun.
        publication: Where it writes.
    """

    session: Session
    publication: Publication


async def admit_publisher(live: Live, who: Who, asked: PublishAsked, on_lost: Callable[[], None]) -> AdmittedPublisher:
    """Lets somebody publish.

    Args:
        live: What plugins share.
        who: Who asks.
        asked: For what.
        on_lost: Called when the stream is not the publisher's any more.

    Raises:
        RefusedError: It may not.
    """
    path = await live.gate.admit(_asking(Action.PUBLISH, who, asked.address))
    session = live.sessions.open(who.protocol, who.address, Role.PUBLISHER, path, who.on_kick)
    try:
        return AdmittedPublisher(session, live.streams.publish(path, on_lost))
    except LiveError as error:
        session.fail(error)
        raise


def refusal(error: LiveError) -> Code:
    """What a client is told when it may not publish."""
    if isinstance(error, DeniedError):
        return Code.PUBLISH_UNAUTHORIZED if error.unauthorized else Code.PUBLISH_DENIED
    if isinstance(error, LimitError):
        return Code.PUBLISH_DENIED
    return Code.PUBLISH_BAD_NAME


def _asking(action: Action, who: Who, address: Address) -> Asking:
    return Asking(action, address.path, who.protocol, who.address, address.query, address.user, address.password)
