"""The HTTP side of live streams: what plugins serve, on a port of its own and on the room server's ports."""
