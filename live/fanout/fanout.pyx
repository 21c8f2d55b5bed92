# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One ring of framed packets, and the sockets of all players who get them.

Each packet is framed once for a format; its payload is the packet's own, shared with every other format. A player is a
place in the ring (``place.pyx``), with a socket: what a socket does not take, waits there, and is no copy. Who is
overtaken by the ring begins anew with a key frame, once it has the rest of what it has begun to get.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from miso.live.fanout.framed cimport Framed
from miso.live.fanout.place cimport Place
from miso.live.fanout.posix cimport EAGAIN, EINTR, MSG_DONTWAIT, MSG_NOSIGNAL, errno, iovec, msghdr, sendmsg, ssize_t

from miso.live.streams.memory import PACKET_BYTES as _PACKET_BYTES

cdef enum:
    MAX_PARTS = 64  # of one send; IOV_MAX is 1024, but a socket takes less at once
    FIRST_SLOTS = 16  # most rings never need all that they may have

cdef long long MAX_MS = 1 << 62  # no bound

cdef inline long long monotonic_us() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <long long>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef enum Sent:
    ALL
    BLOCKED
    BROKEN


cdef class Fanout:
    """The packets of one stream in one format, and their players.

    Args:
        max_packets: So many are kept at most, and ...
        max_bytes: ... so many bytes of them, and ...
        max_ms: ... so much of their time, but always the newest. What falls out, nobody gets any more.

    Attributes:
        players: How many there are.
        audio_restart, video_restart: What a player gets before the key frame with which it begins anew: the codecs'
            configurations, each if it wants that kind.
        has_video: Whether pictures are to be expected, and so worth to be waited for.
        is_flushed: Whether :meth:`flush` has come to the last place.
    """

    cdef public bytes audio_restart
    cdef public bytes video_restart
    cdef list _players
    cdef list _packets  # Framed, or None; of packet n at n % len
    cdef int _max_packets
    cdef size_t _max_bytes, _size_bytes
    cdef long long _first, _end  # numbers of the oldest packet, and of the next to come
    cdef long long _newest_key  # -1: none
    cdef long long _max_ms
    cdef size_t _packet_bytes
    cdef public bint has_video
    cdef readonly bint is_flushed
    cdef Py_ssize_t _turn_at  # whose turn it is in a flush that has stopped

    def __cinit__(self, int max_packets, size_t max_bytes, long long max_ms=MAX_MS):
        if max_packets < 1:
            raise ValueError(f"max_packets is {max_packets}, expected at least 1")
        self._max_packets = max_packets
        self._max_bytes = max_bytes
        self._max_ms = max_ms
        self._packets = [None] * min(max_packets, FIRST_SLOTS)
        self._players = []
        self._newest_key = -1
        self._packet_bytes = _PACKET_BYTES
        self.is_flushed = True
        self.audio_restart = b""
        self.video_restart = b""

    def __len__(self):
        return self._end - self._first

    @property
    def players(self):
        """How many players there are."""
        return len(self._players)

    @property
    def size_bytes(self):
        """What is kept, in bytes of framed packets."""
        return self._size_bytes

    @property
    def kept_bytes(self):
        """The same with what the packets take beside their bytes."""
        return self._size_bytes + self._packet_bytes * <size_t>(self._end - self._first)

    def add(self, Place place not None, bytes before not None, *, bint fast, bint hold_audio):
        """One more place.

        Args:
            place: The player.
            before: What it gets first: a file's header, metadata, configurations.
            fast: It begins with the latest key frame that is kept, if one is. Otherwise with the next.
            hold_audio: Until it has its key frame it gets no audio either.
        """
        place._before = before
        place._before_sent = 0
        place._next = self._end
        place._waits_for_key = True
        place._holds_audio = hold_audio and self.has_video
        if fast and self._newest_key >= self._first:
            place._next = self._newest_key
        self._players.append(place)

    def remove(self, Place place not None):
        """It is no player any more."""
        index = self._players.index(place)
        del self._players[index]
        if index < self._turn_at:
            self._turn_at -= 1

    def say(self, Place place not None, bytes data not None):
        """Puts bytes that are for one player alone between two of its packets. They go out with what it gets next.

        Args:
            place: The player. How much waits already, its ``waiting_bytes`` say.
            data: What it is told.
        """
        place._before = place._before[place._before_sent:] + data
        place._before_sent = 0

    def begin_anew(self, Place place not None):
        """What a player has missed by its own wish is over: it gets the configurations, and pictures from the next key
        frame on.
        """
        place._begins_anew = True
        place._waits_for_key = True
        place._holds_audio = False

    def append(
        self,
        tuple parts not None,
        *,
        bint is_video,
        bint is_key,
        bint is_config=False,
        bint is_data=False,
        long long time_ms=0,
    ):
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
        cdef Framed packet = Framed(parts)
        packet.is_video = is_video
        packet.is_key = is_key
        packet.is_config = is_config
        packet.is_data = is_data
        packet.time_ms = time_ms
        if self._end - self._first == self._max_packets:
            self.drop_oldest()
        elif self._end - self._first == len(self._packets):
            self._widen()
        self._packets[self._end % len(self._packets)] = packet
        self._size_bytes += packet.size
        self.has_video = self.has_video or is_video
        if is_key:
            self._newest_key = self._end
        self._end += 1
        while self._end - self._first > 1 and (
            self._size_bytes > self._max_bytes or time_ms - self._at(self._first).time_ms > self._max_ms
        ):
            self.drop_oldest()

    def drop_oldest(self):
        """Keeps one packet less, if there is one: nobody gets it any more who has not begun to get it."""
        if self._first == self._end:
            return
        cdef Py_ssize_t slot = self._first % len(self._packets)
        self._size_bytes -= self._at(self._first).size
        self._packets[slot] = None
        self._first += 1

    def forget_key(self):
        """Nobody begins with what is here: another configuration holds from now on."""
        cdef Place place
        self._newest_key = -1
        for place in self._players:
            if place._was_overtaken:
                self._miss(place, self._end)

    def flush(self, long long now_us, long long turn_us=0):
        """Sends to everybody whose socket takes something.

        Args:
            now_us: The time, of any clock.
            turn_us: About so long at most, so that others have the processor; 0: no limit. If :attr:`is_flushed` says
                then that there is more to do, the next call goes on with the next place.

        Returns:
            Players whose sockets take no more, to be watched for room and then given to :meth:`resume`; and
            players whose sockets are broken; or None for either. Who is not in the lists, has everything, or has not
            had its turn.
        """
        cdef Place place
        cdef list blocked = None, broken = None
        cdef int result
        cdef long long until_us = monotonic_us() + turn_us
        while self._turn_at < len(self._players):
            place = self._players[self._turn_at]
            self._turn_at += 1
            if place.fd >= 0 and place.blocked_since_us == 0 and place.error is None:
                result = self._send(place, now_us)
                if result == BLOCKED:
                    if blocked is None:
                        blocked = []
                    blocked.append(place)
                elif result == BROKEN:
                    if broken is None:
                        broken = []
                    broken.append(place)
            if turn_us > 0 and monotonic_us() >= until_us:
                break
        self.is_flushed = self._turn_at >= len(self._players)
        if self.is_flushed:
            self._turn_at = 0
        return blocked, broken

    def resume(self, Place place not None, long long now_us):
        """There is room in a player's socket again.

        Returns:
            True: it has everything. False: its socket takes no more again. None: it is broken.
        """
        cdef long long since_us = place.blocked_since_us
        cdef unsigned long long sent_bytes = place.sent_bytes
        cdef int result
        place.blocked_since_us = 0
        result = self._send(place, now_us)
        if result == BROKEN:
            return None
        if result == BLOCKED and place.sent_bytes == sent_bytes and since_us != 0:
            place.blocked_since_us = since_us
        return result == ALL

    def take(self, Place place not None, size_t max_bytes):
        """What is next for a player whose way is not a socket of ours; its ``fd`` is -1.

        Args:
            place: The player.
            max_bytes: About so much at most.

        Returns:
            Bytes that count as sent; none: it has everything.
        """
        cdef iovec parts[MAX_PARTS]
        cdef list taken = []
        cdef size_t wanted, size = 0
        cdef int count, index
        while size < max_bytes:
            count = self._gather(place, parts, &wanted)
            if count == 0:
                break
            for index in range(count):
                taken.append((<char *>parts[index].iov_base)[:parts[index].iov_len])
            place.sent_bytes += wanted
            self._advance(place, wanted)
            size += wanted
        return b"".join(taken)

    def has_more(self, Place place not None):
        """Whether there is something for a player that it has not got. What it does not want, is passed over."""
        cdef iovec parts[MAX_PARTS]
        cdef size_t wanted
        return self._gather(place, parts, &wanted) > 0

    def blocked_before(self, long long us):
        """Players whose sockets have taken nothing since that time."""
        cdef Place place
        return [place for place in self._players if 0 < place.blocked_since_us < us]

    cdef int _send(self, Place place, long long now_us) except -1:
        """Sends one player what it lacks, until its socket takes no more."""
        cdef iovec parts[MAX_PARTS]
        cdef msghdr message
        cdef ssize_t done
        cdef size_t wanted
        cdef int count
        memset(&message, 0, sizeof(message))
        message.msg_iov = parts
        while True:
            count = self._gather(place, parts, &wanted)
            if count == 0:
                return ALL
            message.msg_iovlen = count
            done = sendmsg(place.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL)
            if done < 0:
                if errno == EINTR:
                    continue
                if errno == EAGAIN:
                    place.blocked_since_us = now_us if now_us > 0 else 1
                    return BLOCKED
                place.error = os.strerror(errno)
                return BROKEN
            place.sent_bytes += done
            self._advance(place, done)
            if <size_t>done < wanted:
                place.blocked_since_us = now_us if now_us > 0 else 1
                return BLOCKED

    cdef int _gather(self, Place place, iovec *parts, size_t *wanted) except -1:
        """The next bytes for a player; packets that are not for it are passed over."""
        cdef int count = 0
        cdef long long number
        cdef Framed packet
        wanted[0] = 0
        if place._partial is not None:
            count = _point_at(place._partial, place._partial_sent, parts, 0, wanted)
            if count == MAX_PARTS:
                return count
        if place._next < self._first:
            self._overtake(place)
        self._pass_over(place)
        if place._begins_anew and place._next < self._end:
            self._prepare_beginning(place)
        if place._before_sent < PyBytes_GET_SIZE(place._before):
            parts[count].iov_base = PyBytes_AS_STRING(place._before) + place._before_sent
            parts[count].iov_len = PyBytes_GET_SIZE(place._before) - place._before_sent
            wanted[0] += parts[count].iov_len
            count += 1
        if place._begins_anew:
            return count  # the configurations come first, once all this is sent
        number = place._next
        while number < self._end and count < MAX_PARTS:
            packet = self._at(number)
            if number != place._next and not self._is_for(place, packet):
                break  # passed over when it is the next
            if count + packet.count > MAX_PARTS and count > 0:
                break
            count = _point_at(packet, 0, parts, count, wanted)
            number += 1
        return count

    cdef int _pass_over(self, Place place) except -1:
        """Goes on to the next packet that is for a player."""
        while place._next < self._end and not self._is_for(place, self._at(place._next)):
            place._next += 1
            place.skipped_packets += 1
            if place._lost_pictures:
                place.dropped_packets += 1
        return 0

    cdef inline Framed _at(self, long long number):
        """A packet that is kept."""
        return <Framed>self._packets[number % len(self._packets)]

    cdef bint _is_for(self, Place place, Framed packet) except -1:
        """Whether a player gets a packet."""
        if packet.is_data:
            return True
        if packet.is_config:
            return place.wants_video if packet.is_video else place.wants_audio
        if packet.is_video:
            if not place.wants_video:
                return False
            if place._waits_for_key:
                if not packet.is_key:
                    return False
                place._waits_for_key = False
                place._holds_audio = False
                place._lost_pictures = False
            return True
        return place.wants_audio and not (place._holds_audio and place.wants_video)

    cdef int _advance(self, Place place, size_t done) except -1:
        """So many of the gathered bytes are on their way."""
        cdef size_t left
        cdef Framed packet
        if place._partial is not None:
            left = place._partial.size - place._partial_sent
            if done < left:
                place._partial_sent += done
                return 0
            done -= left
            place._partial = None
        left = PyBytes_GET_SIZE(place._before) - place._before_sent
        if left > 0:
            if done < left:
                place._before_sent += done
                return 0
            done -= left
            place._before = b""
            place._before_sent = 0
        while done > 0:
            packet = self._at(place._next)
            place._next += 1
            if done < packet.size:
                place._partial = packet
                place._partial_sent = done
                return 0
            done -= packet.size
        return 0

    cdef int _overtake(self, Place place) except -1:
        """The ring has overtaken a player: it goes on with a key frame, and what a decoder needs before it."""
        place._lost_pictures = True
        place.restarts += 1
        place._begins_anew = True
        place._was_overtaken = True
        place._waits_for_key = True
        place._holds_audio = self.has_video
        return self._miss(place, self._newest_key if self._newest_key >= self._first else self._end)

    cdef int _prepare_beginning(self, Place place) except -1:
        """Puts the configurations before the packet with which a player begins anew."""
        if place._partial is not None or place._before_sent < PyBytes_GET_SIZE(place._before):
            return 0  # not before its turn has come: the configurations may be others then
        place._begins_anew = False
        if place._was_overtaken:
            place._was_overtaken = False
            if self._newest_key > place._next:
                self._miss(place, self._newest_key)
                self._pass_over(place)
        place._before = b"".join(
            (self.audio_restart if place.wants_audio else b"", self.video_restart if place.wants_video else b"")
        )
        place._before_sent = 0
        return 0

    cdef int _miss(self, Place place, long long target) except -1:
        """A player that was overtaken goes on further ahead."""
        if target > place._next:
            place.skipped_packets += target - place._next
            place.dropped_packets += target - place._next
            place._next = target
        return 0

    cdef int _widen(self) except -1:
        """The ring is full and may be larger."""
        cdef list packets = [None] * min(self._max_packets, 2 * len(self._packets))
        cdef long long number
        for number in range(self._first, self._end):
            packets[number % len(packets)] = self._at(number)
        self._packets = packets
        return 0


cdef int _point_at(Framed packet, size_t skip, iovec *parts, int count, size_t *wanted) noexcept:
    """Adds a packet's bytes behind the first ``skip`` to those of a send; returns how many parts it has then."""
    cdef int index
    for index in range(packet.count):
        if skip >= packet.parts[index].iov_len:
            skip -= packet.parts[index].iov_len
            continue
        if count == MAX_PARTS:
            break
        parts[count].iov_base = <char *>packet.parts[index].iov_base + skip
        parts[count].iov_len = packet.parts[index].iov_len - skip
        wanted[0] += parts[count].iov_len
        skip = 0
        count += 1
    return count
