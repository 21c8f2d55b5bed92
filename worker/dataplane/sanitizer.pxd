"""Bytes behind each received packet that nobody may read: AddressSanitizer watches them, in its own builds only.

A slot has room for the longest packet, and a read beyond a short one would find what an older packet left there.
"""

from miso.worker.dataplane.plane cimport RECEIVE_HEAD
from miso.worker.dataplane.sockets.batch cimport SLOT_STRIDE

cdef enum:
    SLOT_ROOM = SLOT_STRIDE - RECEIVE_HEAD  # bytes from where a packet begins


cdef extern from *:
    """
    #ifdef __SANITIZE_ADDRESS__
    #include <sanitizer/asan_interface.h>
    static inline void miso_fence(const unsigned char *packet, int size, int room) {
        __asan_unpoison_memory_region(packet, size);
        __asan_poison_memory_region(packet + size, room - size);
    }
    #else
    #define miso_fence(packet, size, room) ((void)0)
    #endif
    """
    void miso_fence(const unsigned char *packet, int size, int room) noexcept nogil


cdef inline void set_packet_size(const unsigned char *slot, int size) noexcept:
    """From now on the slot's packet has this size; ``SLOT_ROOM`` while its size is not known."""
    miso_fence(slot, size, SLOT_ROOM)
