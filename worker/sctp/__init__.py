"""SCTP (RFC 9260) as WebRTC data channels use it (RFC 8831): a sans-I/O association.

::

    association         what its user sees; events: what it tells
    machine             what each chunk and each timer does
    handshake/          until the peer is known
    control_block       what there is of it then
      receiving/          DATA that comes
      sending/            DATA that is sent
      reconfiguration     streams reset and added
    heartbeat, timers   an idle path; when to be called next
    wire/               the bytes
"""
