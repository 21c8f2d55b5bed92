"""SCTP (RFC 9260) as WebRTC data channels use it (RFC 8831): a sans-I/O association.

::

    association         what its user sees; events: what it tells
    machine             what each chunk and each timer does
      handshake, cookie   until the peer is known; connection: what there is of it then
      inbound             DATA that comes: received_tsns, fragments, reassembly
      outbound            DATA that is sent: send_queue, congestion, rto
      reconfig, heartbeat streams reset and added; an idle path
      outlet, timers      chunks into packets; when to be called next
    packet, chunks, parameters, checksum, constants   the bytes
"""
