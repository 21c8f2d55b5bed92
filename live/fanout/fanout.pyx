# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One ring of framed packets, and the sockets of all players who get them.

Each packet is framed once for a format; its payload is the packet's own, shared with every other format. A player is a
place in the ring (``place.pyx``), with a socket: what a socket does not take, waits there, and is no copy. Who is overtaken by the ring
begins anew with a key frame.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from miso.live.fanout.place cimport Place
from miso.live.fanout.posix cimport EAGAIN, EINTR, MSG_DONTWAIT, MSG_NOSIGNAL, errno, iovec, msghdr, sendmsg, ssize_t

cdef enum:
    MAX_PARTS = 64  # of one send; IOV_MAX is 1024, but a socket takes less at once

cdef long long MAX_MS = 1 << 62  # no bound

cdef inline long long monotonic_us() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <long long>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef enum Sent:
    ALL
    BLOCKED
    BROKEN


cdef struct Entry:
    iovec *parts
    int count
    size_t size  # bytes of all parts
    long long time_ms
    bint is_video
    bint is_key
    bint is_config
    bint is_data


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
    cdef list _owners  # keeps alive what the entries point into
    cdef Entry *_entries
    cdef int _capacity
    cdef size_t _max_bytes, _size_bytes
    cdef long long _first, _end  # numbers of the oldest packet, and of the next to come
    cdef long long _newest_key  # -1: none
    cdef long long _max_ms
    cdef public bint has_video
    cdef readonly bint is_flushed
    cdef Py_ssize_t _turn_at  # whose turn it is in a flush that has stopped

    def __cinit__(self, int max_packets, size_t max_bytes, long long max_ms=MAX_MS):
        if max_packets < 1:
            raise ValueError(f"max_packets is {max_packets}, expected at least 1")
        self._capacity = max_packets
        self._max_bytes = max_bytes
        self._max_ms = max_ms
        self._entries = <Entry *>calloc(max_packets, sizeof(Entry))
        if self._entries == NULL:
            raise MemoryError
        self._owners = [None] * max_packets
        self._players = []
        self._newest_key = -1
        self.is_flushed = True
        self.audio_restart = b""
        self.video_restart = b""

    def __dealloc__(self):
        cdef int index
        if self._entries != NULL:
            for index in range(self._capacity):
                free(self._entries[index].parts)
            free(self._entries)

    @property
    def players(self):
        """How many players there are."""
        return len(self._players)

    @property
    def size_bytes(self):
        """What is kept, in bytes of framed packets."""
        return self._size_bytes

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
        place._next_sent = 0
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
        self._finish_packet(place)
        place._before = place._before[place._before_sent:] + data
        place._before_sent = 0
        place._restart_at = -1  # what is told here must not go with a new beginning that stands before it

    def begin_anew(self, Place place not None):
        """What a player has missed by its own wish is over: it gets the configurations, and pictures from the next key
        frame on.
        """
        self._finish_packet(place)
        place._before = place._before[place._before_sent:] + self._restart_of(place)
        place._before_sent = 0
        place._restart_at = -1
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
        cdef int count = len(parts), index, slot
        cdef iovec *made = <iovec *>malloc(max(1, count) * sizeof(iovec))
        cdef size_t size = 0
        cdef Entry *entry
        if made == NULL:
            raise MemoryError
        try:
            for index in range(count):
                _point(parts[index], &made[index])
                size += made[index].iov_len
            if size == 0:
                raise ValueError("a packet without bytes")
        except BaseException:
            free(made)
            raise
        if self._end - self._first == self._capacity:
            self._drop_oldest()
        slot = self._end % self._capacity
        entry = &self._entries[slot]
        entry.parts = made
        entry.count = count
        entry.size = size
        entry.is_video = is_video
        entry.is_key = is_key
        entry.is_config = is_config
        entry.is_data = is_data
        entry.time_ms = time_ms
        self._owners[slot] = parts
        self._size_bytes += size
        self.has_video = self.has_video or is_video
        if is_key:
            self._newest_key = self._end
        self._end += 1
        while self._end - self._first > 1 and (
            self._size_bytes > self._max_bytes
            or time_ms - self._entries[self._first % self._capacity].time_ms > self._max_ms
        ):
            self._drop_oldest()

    def forget_key(self):
        """Nobody begins with what is here: another configuration holds from now on."""
        self._newest_key = -1

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
            if place._next < self._first:
                self._begin_anew(place)
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
        return place._next < self._first or self._gather(place, parts, &wanted) > 0

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
            if place._next < self._first:
                self._begin_anew(place)
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

    cdef int _gather(self, Place place, iovec *parts, size_t *wanted) noexcept:
        """The next bytes for a player; packets that are not for it are passed over."""
        cdef int count = 0, index
        cdef size_t skip
        cdef long long number
        cdef Entry *entry
        wanted[0] = 0
        if place._before_sent < PyBytes_GET_SIZE(place._before):
            parts[0].iov_base = PyBytes_AS_STRING(place._before) + place._before_sent
            parts[0].iov_len = PyBytes_GET_SIZE(place._before) - place._before_sent
            wanted[0] = parts[0].iov_len
            count = 1
        if place._next_sent == 0:
            while place._next < self._end and not self._is_for(place, &self._entries[place._next % self._capacity]):
                place._next += 1
                place.skipped_packets += 1
                if place._lost_pictures:
                    place.dropped_packets += 1
        number = place._next
        skip = place._next_sent
        while number < self._end:
            entry = &self._entries[number % self._capacity]
            if skip == 0 and number != place._next and not self._is_for(place, entry):
                break  # passed over when it is the next
            if count + entry.count > MAX_PARTS and count > 0:
                break
            for index in range(entry.count):
                if skip >= entry.parts[index].iov_len:
                    skip -= entry.parts[index].iov_len
                    continue
                if count == MAX_PARTS:
                    return count
                parts[count].iov_base = <char *>entry.parts[index].iov_base + skip
                parts[count].iov_len = entry.parts[index].iov_len - skip
                wanted[0] += parts[count].iov_len
                skip = 0
                count += 1
            number += 1
        return count

    cdef bint _is_for(self, Place place, const Entry *entry) noexcept:
        """Whether a player gets a packet."""
        if entry.is_data:
            return True
        if entry.is_config:
            return place.wants_video if entry.is_video else place.wants_audio
        if entry.is_video:
            if not place.wants_video:
                return False
            if place._waits_for_key:
                if not entry.is_key:
                    return False
                place._waits_for_key = False
                place._holds_audio = False
                place._lost_pictures = False
            return True
        return place.wants_audio and not (place._holds_audio and place.wants_video)

    cdef void _advance(self, Place place, size_t done) noexcept:
        cdef size_t before = PyBytes_GET_SIZE(place._before) - place._before_sent
        cdef size_t left
        if before > 0:
            if done < before:
                place._before_sent += done
                return
            done -= before
            place._before = b""
            place._before_sent = 0
            place._restart_at = -1
        while done > 0:
            left = self._entries[place._next % self._capacity].size - place._next_sent
            if done < left:
                place._next_sent += done
                return
            done -= left
            place._next += 1
            place._next_sent = 0

    cdef int _begin_anew(self, Place place) except -1:
        """The ring has overtaken a player: it goes on with a key frame, and what a decoder needs before it."""
        cdef long long target = self._newest_key if self._newest_key >= self._first else self._end
        cdef Py_ssize_t end
        cdef bytes rest
        place.skipped_packets += target - place._next
        place.dropped_packets += target - place._next
        place._lost_pictures = True
        place.restarts += 1
        place._next = target
        place._next_sent = 0
        place._waits_for_key = True
        place._holds_audio = self.has_video
        end = len(place._before)
        if place._restart_at >= place._before_sent:  # one that it did not even begin to get
            end = place._restart_at
        rest = place._before[place._before_sent:end]
        place._restart_at = len(rest)
        place._before = rest + self._restart_of(place)
        place._before_sent = 0
        return 0

    cdef bytes _restart_of(self, Place place):
        """The configurations that a player needs before it begins anew."""
        return (self.audio_restart if place.wants_audio else b"") + (self.video_restart if place.wants_video else b"")

    cdef int _drop_oldest(self) except -1:
        cdef int slot = self._first % self._capacity
        cdef Entry *entry = &self._entries[slot]
        cdef Place place
        for place in self._players:
            if place._next == self._first and place._next_sent > 0:
                self._keep_rest(place, entry)
        self._size_bytes -= entry.size
        free(entry.parts)
        entry.parts = NULL
        entry.count = 0
        entry.size = 0
        self._owners[slot] = None
        self._first += 1
        return 0

    cdef int _finish_packet(self, Place place) except -1:
        """Whatever comes next for a player comes after the packet that is on its way."""
        if place._next_sent > 0:
            self._keep_rest(place, &self._entries[place._next % self._capacity])
        return 0

    cdef int _keep_rest(self, Place place, const Entry *entry) except -1:
        """A packet that is on its way is sent whole: its rest is the player's own from now on."""
        cdef size_t skip = place._next_sent
        cdef int index
        cdef list rest = [place._before[place._before_sent:]]
        for index in range(entry.count):
            if skip >= entry.parts[index].iov_len:
                skip -= entry.parts[index].iov_len
                continue
            rest.append((<char *>entry.parts[index].iov_base)[skip:entry.parts[index].iov_len])
            skip = 0
        place._before = b"".join(rest)
        place._before_sent = 0
        place._restart_at = -1
        place._next += 1
        place._next_sent = 0
        return 0


cdef int _point(object part, iovec *to) except -1:
    cdef Py_ssize_t start = 0, end
    cdef bytes data
    if type(part) is tuple:
        data, start, end = part
    else:
        data = part
        end = len(data)
    if data is None or not 0 <= start <= end <= len(data):
        raise ValueError(f"a part from {start} to {end} of {0 if data is None else len(data)} bytes")
    to.iov_base = PyBytes_AS_STRING(data) + start
    to.iov_len = end - start
    return 0
