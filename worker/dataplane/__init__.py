"""The compiled per-packet path.

::

    plane               what control sees of the room; events: what it is told; suites: what both number alike
    sockets, connection UDP in batches, TCP with RFC 4571 framing: packets come in and go out
    transport           whom it hears and where it sends; srtp: its keys; tables: whose a packet is
    input               a producer: its streams, and whom they feed
      receive_stream      one SSRC: counted, repaired, described
      renaming            to the router's payload types, extensions and SSRCs, once
      store               packets as the outputs take them, and those kept to be sent again
    output              a consumer: selected, renumbered, stamped, protected, and sent again
    outgoing            what the way to a peer carries, and the probation that finds it out
    egress              what all share: the wake-up, and the batch that waits to be sent
    addresses, posix    the kernel's structures and calls
"""
