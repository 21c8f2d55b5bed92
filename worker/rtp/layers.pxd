from worker.rtp.codecs.payload cimport PayloadDescriptor


cdef class LayerSelector:
    cdef public bint waiting_for_key_frame

    cpdef void sync(self) noexcept

    cpdef int select(self, int stream_index, PayloadDescriptor payload) noexcept


cdef class SimpleLayerSelector(LayerSelector):
    cdef bint _needs_key_frame
    cdef bint _ignore_dtx
    cdef bint _sync_required
