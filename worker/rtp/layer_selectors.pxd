cimport cython
from miso.worker.rtp cimport enums
from miso.worker.rtp.codecs.payload cimport PayloadDescriptor
from miso.worker.rtp.codecs.vp8_indices cimport Vp8Indices
from miso.worker.rtp.sequence cimport is_newer32

cdef unsigned int _MODULO


cdef class LayerSelector:
    cdef readonly bint waiting_for_key_frame
    cdef readonly int key_frame_wanted_of
    cdef readonly int reference_stream
    cdef readonly int target_spatial
    cdef readonly int target_temporal
    cdef readonly int current_spatial
    cdef readonly int current_temporal
    cdef public int notice
    cdef readonly int numbered_stream
    cdef readonly unsigned int rewrite
    cdef readonly bint gave_up

    cpdef void sync(self) noexcept

    cpdef int select(self, int stream_index, PayloadDescriptor payload, unsigned int timestamp, bint late) noexcept

    cpdef void begin(self, int stream_index, PayloadDescriptor payload, unsigned int timestamp) noexcept

    cpdef void restart(self, unsigned int timestamp) noexcept


cdef class SimpleLayerSelector(LayerSelector):
    cdef int _stream_index
    cdef bint _needs_key_frame
    cdef bint _ignore_dtx
    cdef bint _sync_required


cdef class StreamSelector(SimpleLayerSelector):
    pass


cdef class LayeredSelector(LayerSelector):
    cdef int _spatial_layers
    cdef int _temporal_layers
    cdef int _ceiling
    cdef int _wanted_temporal
    cdef unsigned int _picture
    cdef bint _is_forwarding
    cdef bint _restarted

    cpdef int set_target(self, int spatial, int temporal) except -1

    cpdef void give_up(self) noexcept

    cdef void _retarget(self) noexcept

    cdef void _stop(self) noexcept

    cdef void _start(self, int spatial, int temporal, unsigned int timestamp) noexcept

    @cython.locals(current=int)
    cdef void _admit(self, PayloadDescriptor payload, int temporal, bint may_rise) noexcept


cdef class SimulcastLayerSelector(LayeredSelector):
    cdef Vp8Indices _indices

    cdef int _begin_picture(self, PayloadDescriptor payload, unsigned int timestamp) noexcept

    @cython.locals(word=int)
    cdef int _write(self, PayloadDescriptor payload) noexcept


cdef class SvcLayerSelector(LayeredSelector):
    cdef bint _k_svc
    cdef bint _may_step_down
    cdef unsigned int _newest
    cdef unsigned int _pictures[32]
    cdef int _highest[32]

    cdef void _begin_picture(self, PayloadDescriptor payload, int temporal, unsigned int timestamp) noexcept

    cdef void _take_late_key(self, unsigned int timestamp) noexcept

    cdef void _remember(self) noexcept

    @cython.locals(back=cython.uint, known=cython.uint)
    cdef int _highest_of(self, unsigned int timestamp) noexcept

    @cython.locals(spatial=int, temporal=int, highest=int)
    cpdef int select(self, int stream_index, PayloadDescriptor payload, unsigned int timestamp, bint late) noexcept
