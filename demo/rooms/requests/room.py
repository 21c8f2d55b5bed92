"""Requests on the room itself: its capabilities, joining, names, statistics of clients."""

from __future__ import annotations

from miso.controller import to_json
from miso.controller.ortc import reduce_rtp_capabilities
from miso.controller.ortc.validation import validate_rtp_capabilities
from miso.demo.rooms.bot import BOT_LABEL
from miso.demo.rooms.consuming import channel_of, create_data_consumer
from miso.demo.rooms.dialect import Dialect
from miso.demo.rooms.relayed_data import plain_name
from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.messages import ChangeDisplayName, Join, NoBody
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession
from miso.protoo import RequestError


async def get_router_rtp_capabilities(session: PeerSession, room: Room, body: NoBody, accept: Accept) -> None:
    """Answers with the capabilities, and once more under a name, where clients of 2026 look for them."""
    capabilities = to_json(room.router.rtp_capabilities)
    assert isinstance(capabilities, dict)
    accept({**capabilities, "routerRtpCapabilities": capabilities})


async def join(session: PeerSession, room: Room, body: Join, accept: Accept) -> None:
    """Shows everybody to everybody, then gives the peer what the others send.

    Nothing here waits: no other peer can join or produce in between, so each pair of a consumer's peer and a producer
    meets exactly once, here or in ``produce``.
    """
    if session.joined:
        raise RequestError(500, "Peer already joined")
    capabilities = None
    if body.rtp_capabilities is not None:
        remote = validate_rtp_capabilities(body.rtp_capabilities)
        capabilities = reduce_rtp_capabilities(remote, room.router.rtp_capabilities)
    room.shared.limits.pass_by("joins", session.address)
    others = room.joined()
    shown = room.participants
    session.joined = True
    session.display_name = plain_name(body.display_name) if body.display_name is not None else None
    session.device = body.device or {}
    session.rtp_capabilities = capabilities
    session.dialect.learn(Dialect.CLASSIC)
    session.takes_data = body.sctp_capabilities is not None or session.speaks_2026
    accept({"peers": [other.info for other in shown], "peerSecret": session.secret})
    for other in shown:
        for producer in other.producers.values():
            room.give(session, other, producer)
        for data_producer in other.data_producers.values():
            if channel_of(data_producer) != BOT_LABEL:  # that is between the other and the bot
                create_data_consumer(session, other, data_producer)
    create_data_consumer(session, None, room.bot.data_producer)
    session.notify_all(others, "newPeer", {**session.info, "peer": session.info})


async def get_rtc_stats_url(session: PeerSession, room: Room, body: NoBody, accept: Accept) -> None:
    """Tells a client of 2026 where it may send its own statistics; nowhere by default."""
    session.dialect.learn(Dialect.OF_2026)
    url = room.shared.settings.rtcstats_url
    accept({"rtcstatsUrl": url} if url is not None else {})


async def change_display_name(session: PeerSession, room: Room, body: ChangeDisplayName, accept: Accept) -> None:
    """Tells the others, then answers."""
    name = plain_name(body.display_name)
    change = {
        "peerId": session.id,
        "displayName": name,
        "oldDisplayName": session.display_name,
    }
    session.display_name = name
    session.notify_all(room.joined(but=session), "peerDisplayNameChanged", change)
    accept()
