"""See ``fanout.pyx``."""

from typing import Self

class Player:
    """A socket, and how far it has got.

    Attributes:
        fd: The socket, not blocking. Who owns it, closes it after :meth:`Fanout.remove`.
        sent_bytes: What the kernel has taken.
        skipped_packets: What it missed: because it was overtaken, because it began later, or by its own wish.
        restarts: How often it was overtaken.
        blocked_since_us: Since when its socket takes nothing; 0: it does.
        error: Why its socket is broken; None: it is not.
        wants_audio, wants_video: What it is sent.
    """

    fd: int
    sent_bytes: int
    skipped_packets: int
    restarts: int
    blocked_since_us: int
    error: str | None
    wants_audio: bool
    wants_video: bool

    def __init__(self, fd: int) -> None: ...
    @property
    def waiting_bytes(self) -> int:
        """What of its beginning is not sent yet."""

class Fanout:
    """The packets of one stream in one format, and their players.

    Args:
        max_packets: So many are kept at most, and ...
        max_bytes: ... so many bytes of them, but always the newest. What falls out, nobody gets any more.

    Attributes:
        restart: What a player gets before the key frame with which it begins anew: the codecs' configurations.
    """

    restart: bytes

    def __new__(cls, max_packets: int, max_bytes: int) -> Self: ...
    @property
    def players(self) -> int:
        """How many players there are."""

    @property
    def size_bytes(self) -> int:
        """What is kept, in bytes of framed packets."""

    def add(self, player: Player, before: bytes, *, fast: bool, hold_audio: bool) -> None:
        """One more player.

        Args:
            player: The player.
            before: What it gets first: a file's header, metadata, configurations.
            fast: It begins with the latest key frame that is kept, if one is. Otherwise with the next.
            hold_audio: Until it has its key frame it gets no audio either.
        """

    def remove(self, player: Player) -> None:
        """It is no player any more."""

    def say(self, player: Player, data: bytes) -> None:
        """Puts bytes that are for one player alone between two of its packets. They go out with what it gets next.

        Args:
            player: The player. How much waits already, its :attr:`Player.waiting_bytes` say.
            data: What it is told.
        """

    def begin_anew(self, player: Player) -> None:
        """What a player has missed by its own wish is over: configurations, and pictures from the next key frame on."""

    def append(self, parts: tuple[bytes | tuple[bytes, int, int], ...], *, is_video: bool, is_key: bool) -> None:
        """Adds a packet. It goes out with the next :meth:`flush`.

        Args:
            parts: What it is made of, as bytes objects and ``(bytes, start, end)``; none of it is copied.
            is_video: It is of no use without the key frame before it.
            is_key: A player can begin with it.

        Raises:
            TypeError, ValueError: A part is something else, or reaches beyond its bytes; or there are no bytes.
        """

    def forget_key(self) -> None:
        """Nobody begins with what is here: another configuration holds from now on."""

    def flush(self, now_us: int) -> tuple[list[Player] | None, list[Player] | None]:
        """Sends to everybody whose socket takes something.

        Returns:
            Players whose sockets take no more, to be watched for room and then given to :meth:`resume`; and
            players whose sockets are broken; or None for either. Who is not in the lists, has everything.
        """

    def resume(self, player: Player, now_us: int) -> bool | None:
        """There is room in a player's socket again.

        Returns:
            True: it has everything. False: its socket takes no more again. None: it is broken.
        """

    def blocked_before(self, us: int) -> list[Player]:
        """Players whose sockets have taken nothing since that time."""
