cimport cython
from miso.worker.rtp.rate cimport RateCalculator


@cython.final
cdef class LayerRates:
    cdef readonly RateCalculator whole
    cdef int _spatial_layers
    cdef int _temporal_layers
    cdef int _count
    cdef list _layers

    @cython.locals(spatial=int, temporal=int, rate=RateCalculator)
    cpdef void update(self, int spatial_layer, int temporal_layer, Py_ssize_t size, long long now_us) noexcept
