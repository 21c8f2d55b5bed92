"""What it costs a worker that somebody joins: a WebRtcTransport, ICE, DTLS, a consumer.

::

    measure   the worker, its room, and the CPU that each step takes
    entrance  what is asked of the worker for a guest, and how guests are told what to do
    guests    who joins, in a process of its own: ICE checks, DTLS, and what comes over SRTP
    floor     the worker's half of a DTLS handshake by OpenSSL, and nothing else
"""
