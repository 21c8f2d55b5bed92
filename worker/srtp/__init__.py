"""SRTP for outgoing packets (RFC 3711, RFC 7714), many at once, by what the CPU has.

A fan-out protects the same packet for each receiver, with another key each time. One after the other, SHA-1 waits for
itself. Here the packets of many receivers are hashed side by side in the lanes of one register, and AES has several
blocks in flight. Incoming packets and SRTCP are libsrtp's (``miso.worker.dataplane.transport.srtp``).

::

    primitives/  C: AES in counter mode, GHASH, SHA-1 in lanes; a packet from them (protect.h)
    cipher       session keys, and packets that are protected together, by the code that was chosen
    rollover     which index a packet has, and that none is used twice
    outgoing     what one sender protects with: keys, and the indices of its SSRCs
    sent_ssrcs   which SSRCs a transport's senders have, and had
    choice       which code may be used
"""
