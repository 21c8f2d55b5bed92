"""Transports that speak ICE and DTLS, alone or on the sockets of a WebRtcServer.

::

    web_rtc_transport    the commands, and what ICE and DTLS mean to each other
    ice_session          which way leads to the peer, and for how long
    dtls_session         the handshake, the keys
    web_rtc_server       many transports on a few ports
    ice_sockets          what both do ICE over: UDP, and ice_tcp, which bounds unproven_connections
"""
