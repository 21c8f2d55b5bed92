"""Chunks that come, until they are messages that can be handed out."""
