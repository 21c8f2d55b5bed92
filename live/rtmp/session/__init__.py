"""A server's side of one RTMP connection: bytes and the time in, events and bytes out."""
