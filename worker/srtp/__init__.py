"""SRTP and SRTCP (RFC 3711, RFC 7714), by what the CPU has; packets that go out many at once.

A fan-out protects the same packet for each receiver, with another key each time. One after the other, SHA-1 waits for
itself. Here the packets of many receivers are hashed side by side in the lanes of one register, and AES has several
blocks in flight. What comes in is opened packet by packet, for which libsrtp and its OpenSSL need not come into the
cache. Where the CPU has no instructions for AES libsrtp does all of it (``miso.worker.dataplane.transport.libsrtp``).

::

    primitives/  C: AES in counter mode, GHASH, SHA-1 in lanes, HMAC; a packet from them (protect.h, open.h)
    cipher       session keys, and what is done with them by the code that was chosen
    header       where a packet's payload begins
    rollover     which index a packet has, and that none is used twice
    outgoing     what one sender protects with: keys, and the indices of its SSRCs
    incoming     what a transport opens its peer's packets with: keys, and which packets came already
    srtcp        what a transport protects its RTCP with
    sent_ssrcs   which SSRCs a transport's senders have, and had
    choice       which code may be used
"""
