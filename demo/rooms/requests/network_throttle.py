"""Requests that make the network of the whole server worse, for who knows the secret."""

from __future__ import annotations

from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.messages import ApplyNetworkThrottle, OfNetworkThrottle
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.demo.workers.network_throttle import Conditions, NetworkThrottle, ThrottleError
from miso.protoo import RequestError

FORBIDDEN = 403


async def apply_network_throttle(session: PeerSession, room: Room, body: ApplyNetworkThrottle, accept: Accept) -> None:
    """Puts conditions in force until somebody resets them, or the peer leaves."""
    throttle = room.shared.throttle
    _check(session, throttle, body.secret)
    try:
        await throttle.apply(session, _conditions(body))
    except ThrottleError as error:
        raise RequestError(500, str(error)) from error
    session.on_left(lambda: session.start_task(throttle.release(session)))
    accept()


async def reset_network_throttle(session: PeerSession, room: Room, body: OfNetworkThrottle, accept: Accept) -> None:
    """Ends what is in force, whoever applied it."""
    throttle = room.shared.throttle
    _check(session, throttle, body.secret)
    try:
        await throttle.reset()
    except ThrottleError as error:
        raise RequestError(500, str(error)) from error
    accept()


def _check(session: PeerSession, throttle: NetworkThrottle, secret: str) -> None:
    if not throttle.opens(secret):
        session.refused("network_throttle")
        raise RequestError(FORBIDDEN, "network throttling is not allowed")


def _conditions(body: ApplyNetworkThrottle) -> Conditions:
    """As clients of either dialect say them."""
    options = body.options
    if options is not None:
        return Conditions(options.up, options.down, options.packet_loss or 0, options.rtt or 0)
    return Conditions(body.uplink, body.downlink, body.packet_loss or 0, body.rtt or 0)
