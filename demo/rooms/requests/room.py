"""Requests on the room itself: its capabilities, joining, names, statistics of clients."""

from __future__ import annotations

from miso.controller import to_json
from miso.controller.ortc import reduce_rtp_capabilities
from miso.controller.ortc.validation import validate_rtp_capabilities
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

    Once it is known where its media are, nothing here waits: no other peer can join or produce in between, so each pair
    of a consumer's peer and a producer meets exactly once, here or in ``produce``.
    """
    await room.place(session, sends=False)
    if session.joined:
        raise RequestError(500, "Peer already joined")
    capabilities = None
    if body.rtp_capabilities is not None:
        remote = validate_rtp_capabilities(body.rtp_capabilities)
        capabilities = reduce_rtp_capabilities(remote, room.router.rtp_capabilities)
    room.elsewhere.check_claim(session.id)
    room.shared.limits.pass_by("joins", session.address)
    shown = [seen for seen in room.participants if seen.fact.participant != session.id]
    session.joined = True
    session.display_name = plain_name(body.display_name) if body.display_name is not None else None
    session.device = body.device or {}
    session.rtp_capabilities = capabilities
    session.dialect.learn(Dialect.CLASSIC)
    session.takes_data = body.sctp_capabilities is not None or session.speaks_2026
    servers = room.shared.moving.servers
    accept({"peers": [seen.fact.info for seen in shown], "peerSecret": session.secret, "servers": servers})
    room.give_all(session)
    room.show(session)


async def get_rtc_stats_url(session: PeerSession, room: Room, body: NoBody, accept: Accept) -> None:
    """Tells a client of 2026 where it may send its own statistics; nowhere by default."""
    session.dialect.learn(Dialect.OF_2026)
    url = room.shared.settings.rtcstats_url
    accept({"rtcstatsUrl": url} if url is not None else {})


async def change_display_name(session: PeerSession, room: Room, body: ChangeDisplayName, accept: Accept) -> None:
    """Tells the others, then answers."""
    session.display_name = plain_name(body.display_name)
    if session.member is not None:
        session.member.change_info(session.info)
    accept()
