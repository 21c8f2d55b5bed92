"""SCTP (RFC 9260) as WebRTC data channels use it (RFC 8831): a sans-I/O association.

::

    association         what its user calls; events: what it tells; settings: what it is made with
    dispatch            which part a chunk that comes, or a timer, goes to
    lifecycle           where the association stands
      handshake/          its beginning
      termination         its end
    control_block       what there is of it in between
      receiving/          DATA that comes
      sending/            DATA that is sent
      reconfiguration     streams reset and added
    heartbeat, timers   an idle path; when to be called next
    wire/               the bytes
    enums               numbers that compiled modules share
"""
