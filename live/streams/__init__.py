"""Streams: who publishes one, what it has lately sent, and who waits for it."""
