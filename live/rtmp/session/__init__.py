"""One RTMP connection, as its server or its client sees it: bytes and the time in, events and bytes out."""
