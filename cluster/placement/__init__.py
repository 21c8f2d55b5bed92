"""Which worker a participant is placed on, which host a client is sent to; sans-I/O: time and chance are handed in."""
