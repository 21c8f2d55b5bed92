"""A token bucket: so much a second, and so much at once."""

from libc.stdint cimport int64_t


cdef struct TokenBucket:
    double level
    int64_t filled_us  # 0: never used, it is full


cdef inline bint take(TokenBucket *bucket, double per_second, double most, double cost, int64_t now_us) noexcept:
    """Whether the bucket has as much as ``cost``, which is taken out then."""
    if bucket.filled_us == 0:
        bucket.level = most
    elif now_us > bucket.filled_us:
        bucket.level = min(most, bucket.level + (now_us - bucket.filled_us) * per_second / 1e6)
    bucket.filled_us = now_us
    if bucket.level < cost:
        return False
    bucket.level -= cost
    return True


cdef inline int take_some(TokenBucket *bucket, double per_second, double most, int wanted, int64_t now_us) noexcept:
    """How much of what is wanted the bucket has, in whole numbers; that is taken out then."""
    cdef int granted
    take(bucket, per_second, most, 0, now_us)
    granted = min(wanted, <int>bucket.level)
    bucket.level -= granted
    return granted
