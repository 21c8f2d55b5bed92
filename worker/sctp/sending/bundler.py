# cython: language_level=3, annotation_typing=False
"""Chunks into packets: control chunks first, data in what room they leave."""

from __future__ import annotations

from miso.worker.sctp import enums
from miso.worker.sctp.sending.data_sender import DataSender
from miso.worker.sctp.wire.packet import build_packet


class Bundler:
    """What an association sends.

    Attributes:
        peer_tag: verification tag of the packets; 0 before it is known.
    """

    def __init__(self, local_port: int, remote_port: int) -> None:
        self.peer_tag = 0
        self._local_port = local_port
        self._remote_port = remote_port
        self._last_data_us = 0  # when data was sent last, but for probes
        self._control: list[bytes] = []  # whole chunks for the next packet
        self._packets: list[bytes] = []  # that nobody took yet

    def take_packets(self) -> list[bytes]:
        """Those since the last call, in the order in which they are to be sent."""
        packets = self._packets
        if packets:
            self._packets = []
        return packets

    def send_alone(self, whole: bytes, tag: int | None = None) -> None:
        """A packet of one chunk at once; the tag is the peer's unless another one is given."""
        self._packet(self.peer_tag if tag is None else tag, [whole])

    def add(self, whole: bytes) -> None:
        """A control chunk for the next packet; what is more than 32 of them is not sent."""
        if len(self._control) < enums.MAX_CONTROL_CHUNKS:
            self._control.append(whole)

    def add_first(self, whole: bytes) -> None:
        """A control chunk before all others, for the next packet in any case."""
        self._control.insert(0, whole)

    def clear(self) -> None:
        """Forgets the control chunks."""
        self._control.clear()

    def flush(self, sender: DataSender, now_us: int) -> None:
        """Makes packets of the control chunks, a FORWARD-TSN that is due, and what data may be sent now."""
        sender.begin_burst(now_us - self._last_data_us)
        control = self._control
        if sender.forward_due:
            control.append(sender.forward_chunk(enums.ROOM))
        taken = 0
        while True:
            parts = []
            room = enums.ROOM
            while taken < len(control) and len(control[taken]) <= room:
                parts.append(control[taken])
                room -= len(control[taken])
                taken += 1
            data = sender.fill(room, not parts, now_us)
            if data:
                self._last_data_us = now_us
                parts += data
            if not parts:
                break
            self._packet(self.peer_tag, parts)
        control.clear()
        if sender.forward_due:  # messages expired when it was their turn
            self._packet(self.peer_tag, [sender.forward_chunk(enums.ROOM)])

    def _packet(self, tag: int, parts: list[bytes]) -> None:
        self._packets.append(build_packet(self._local_port, self._remote_port, tag, parts))
