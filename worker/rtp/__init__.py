"""RTP (RFC 3550): headers, numbering, statistics, loss repair, payload descriptors."""
