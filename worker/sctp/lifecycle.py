# cython: language_level=3, annotation_typing=False
"""Where an association stands: its phase, what there is of it then, and what its user is to hear."""

from __future__ import annotations

from miso.worker.sctp import enums
from miso.worker.sctp.control_block import ControlBlock
from miso.worker.sctp.events import Event, SctpState, StateChanged
from miso.worker.sctp.handshake.cookie import Peer
from miso.worker.sctp.heartbeat import INTERVAL_US as HEARTBEAT_INTERVAL_US
from miso.worker.sctp.sending.bundler import Bundler
from miso.worker.sctp.settings import Settings
from miso.worker.sctp.timers import Timers
from miso.worker.sctp.wire.chunks import error_chunk
from miso.worker.sctp.wire.constants import Cause


class Lifecycle:
    """The beginning, the life and the end of the control block.

    Attributes:
        phase: ``CLOSED`` to ``SHUTDOWN_ACK_SENT``.
        state: the same as the reference worker names it.
        block: the control block; None before the peer is known, and after the end.
        discarded: packets that were not for this association: wrong ports, wrong verification tag, after its end.
    """

    def __init__(self, settings: Settings, bundler: Bundler, timers: Timers) -> None:
        self.phase = enums.CLOSED
        self.state = SctpState.NEW
        self.block: ControlBlock | None = None
        self.discarded = 0
        self._settings = settings
        self._bundler = bundler
        self._timers = timers
        self._wanted_streams = 0  # to send on; asked for as soon as there is someone to ask
        self._events: list[Event] = []

    def established(self) -> ControlBlock | None:
        """The control block, unless the association is yet to be established or has ended."""
        return self.block if self.phase >= enums.ESTABLISHED else None

    def has_ended(self) -> bool:
        """Whether it is over. A peer that has begun to shut down may begin anew instead of ending it."""
        return self.phase == enums.CLOSED and self.state in (SctpState.FAILED, SctpState.CLOSED)

    def outbound_streams(self) -> int:
        """How many streams may be sent on: what was wanted, later what was agreed on."""
        return self._settings.outbound_streams if self.block is None else self.block.outbound_streams()

    def want_outbound_streams(self, count: int) -> None:
        """Asks for as many, as soon as there is someone to ask."""
        self._wanted_streams = max(self._wanted_streams, count)
        if self.block is not None and self.phase == enums.ESTABLISHED:
            self.block.want_outbound_streams(self._wanted_streams)

    # ------------------------------------------------------------------ what the user is to hear

    def tell(self, event: Event) -> None:
        """Something happened."""
        self._events.append(event)

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events = self._events
        self._events = []
        return events

    def hand_out(self, block: ControlBlock) -> None:
        """Gives the user what came."""
        self._events.extend(block.take_events())

    def change_state(self, state: SctpState, reason: str = "") -> None:
        """The user hears of another state; after the end there is no other."""
        if self.state is not state and not self.has_ended():
            self.state = state
            self._events.append(StateChanged(state, reason))

    # ------------------------------------------------------------------ beginning

    def connect(self, peer: Peer, local_tsn: int) -> None:
        """The peer is known: makes the control block, in place of one there may be."""
        self._bundler.peer_tag = peer.tag
        self.block = ControlBlock(peer, local_tsn, self._settings, self._bundler, self._timers)

    def establish(self, now_us: int) -> None:
        """Messages may come and go."""
        self.phase = enums.ESTABLISHED
        self._timers.stop_all()
        self._timers.start(enums.TIMER_HEARTBEAT, now_us + HEARTBEAT_INTERVAL_US)
        self.want_outbound_streams(0)
        self.change_state(SctpState.CONNECTED)

    # ------------------------------------------------------------------ ending

    def is_given_up(self, block: ControlBlock) -> bool:
        """Something was not answered: whether that was one too many, and the association has ended."""
        is_gone = block.count_error()
        if is_gone:
            self.abort(Cause.PROTOCOL_VIOLATION, "no answer", b"no answer")
        return is_gone

    def abort(self, cause: Cause, reason: str = "", information: bytes = b"") -> None:
        """Ends it at once, and tells the peer."""
        self._bundler.send_alone(error_chunk(cause, information, abort=True))
        self.end(SctpState.CLOSED, reason)

    def end(self, state: SctpState, reason: str = "") -> None:
        """Nothing is sent any more but packets that are made; what was queued is forgotten."""
        self.hand_out_all()
        self.phase = enums.CLOSED
        self.block = None
        self._bundler.clear()
        self._timers.stop_all()
        self.change_state(state, reason)

    def hand_out_all(self) -> None:
        """Gives the user what was acknowledged, before the control block goes."""
        if self.block is not None:
            self._events.extend(self.block.take_all_messages())
