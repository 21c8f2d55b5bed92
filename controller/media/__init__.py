"""Audio and video on a transport: producers and consumers."""
