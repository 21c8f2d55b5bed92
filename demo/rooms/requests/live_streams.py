"""Requests on live streams: which there are, into the room with one, and out again."""

from __future__ import annotations

from miso.demo.rooms.requests.handler import Accept
from miso.demo.rooms.requests.messages import NoBody, OfLiveStream
from miso.demo.rooms.room import Room
from miso.demo.rooms.session import PeerSession


async def get_live_streams(session: PeerSession, room: Room, body: NoBody, accept: Accept) -> None:
    """Answers with the live streams, and with what the peer may do with them."""
    accept(room.shared.live_streams.shown_in(room.id))


async def bring_in_live_stream(session: PeerSession, room: Room, body: OfLiveStream, accept: Accept) -> None:
    """Brings one into the room; answers when it is there."""
    await room.shared.live_streams.bring_in(room.id, body.stream, session, body.token)
    accept()


async def take_out_live_stream(session: PeerSession, room: Room, body: OfLiveStream, accept: Accept) -> None:
    """Takes out what somebody at the page has brought in."""
    await room.shared.live_streams.take_out(room.id, body.stream)
    accept()
