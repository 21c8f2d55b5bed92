"""Transports that speak ICE and DTLS, alone or on the sockets of a WebRtcServer."""
