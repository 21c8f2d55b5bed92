"""Rooms and signaling: who is in a room, what clients may ask, and what they are told."""
