"""See ``fanout.pyx``."""

from typing import Self

from miso.live.fanout.place import Place

class Fanout:
    """The packets of one stream in one format, and their players.

    Args:
        max_packets: So many are kept at most, and ...
        max_bytes: ... so many bytes of them, and ...
        max_ms: ... so much of their time, but always the newest. What falls out, nobody gets any more.

    Attributes:
        audio_restart, video_restart: What a player gets before the key frame with which it begins anew: the codecs'
            configurations, each if it wants that kind.
        has_video: Whether pictures are to be expected, and so worth to be waited for.
        is_flushed: Whether :meth:`flush` has come to the last player.
    """

    audio_restart: bytes
    video_restart: bytes
    has_video: bool
    is_flushed: bool

    def __new__(cls, max_packets: int, max_bytes: int, max_ms: int = ...) -> Self: ...
    def __len__(self) -> int:
        """How many packets are kept."""

    @property
    def players(self) -> int:
        """How many players there are."""

    @property
    def size_bytes(self) -> int:
        """What is kept, in bytes of framed packets."""

    @property
    def kept_bytes(self) -> int:
        """The same with what the packets take beside their bytes."""

    def add(self, place: Place, before: bytes, *, fast: bool, hold_audio: bool) -> None:
        """One more player.

        Args:
            place: The player.
            before: What it gets first: a file's header, metadata, configurations.
            fast: It begins with the latest key frame that is kept, if one is. Otherwise with the next.
            hold_audio: Until it has its key frame it gets no audio either.
        """

    def remove(self, place: Place) -> None:
        """It is no player any more."""

    def say(self, place: Place, data: bytes) -> None:
        """Puts bytes that are for one player alone between two of its packets. They go out with what it gets next.

        Args:
            place: The player. How much waits already, its ``waiting_bytes`` say.
            data: What it is told.
        """

    def begin_anew(self, place: Place) -> None:
        """What a player has missed by its own wish is over: configurations, and pictures from the next key frame on."""

    def append(
        self,
        parts: tuple[bytes | tuple[bytes, int, int], ...],
        *,
        is_video: bool,
        is_key: bool,
        is_config: bool = False,
        is_data: bool = False,
        time_ms: int = 0,
    ) -> None:
        """Adds a packet. It goes out with the next :meth:`flush`.

        Args:
            parts: What it is made of, as bytes objects and ``(bytes, start, end)``; none of it is copied.
            is_video: It is of no use without the key frame before it.
            is_key: A player can begin with it.
            is_config: Whoever wants its kind gets it, also who waits for a key frame.
            is_data: Everybody gets it.
            time_ms: Its time; what is kept, is by it.

        Raises:
            TypeError, ValueError: A part is something else, or reaches beyond its bytes; or there are no bytes.
        """

    def drop_oldest(self) -> None:
        """Keeps one packet less, if there is one: nobody gets it any more who has not begun to get it."""

    def forget_key(self) -> None:
        """Nobody begins with what is here: another configuration holds from now on."""

    def flush(self, now_us: int, turn_us: int = 0) -> tuple[list[Place] | None, list[Place] | None]:
        """Sends to everybody whose socket takes something.

        Args:
            now_us: The time, of any clock.
            turn_us: About so long at most, so that others have the processor; 0: no limit. If :attr:`is_flushed` says
                then that there is more to do, the next call goes on with the next player.

        Returns:
            Players whose sockets take no more, to be watched for room and then given to :meth:`resume`; and
            players whose sockets are broken; or None for either. Who is not in the lists, has everything, or has not
            had its turn.
        """

    def resume(self, place: Place, now_us: int) -> bool | None:
        """There is room in a player's socket again.

        Returns:
            True: it has everything. False: its socket takes no more again. None: it is broken.
        """

    def take(self, place: Place, max_bytes: int) -> bytes:
        """What is next for a player whose way is not a socket of ours; its ``fd`` is -1.

        Args:
            place: The player.
            max_bytes: About so much at most.

        Returns:
            Bytes that count as sent; none: it has everything.
        """

    def has_more(self, place: Place) -> bool:
        """Whether there is something for a player that it has not got. What it does not want, is passed over."""

    def blocked_before(self, us: int) -> list[Place]:
        """Players whose sockets have taken nothing since that time."""
