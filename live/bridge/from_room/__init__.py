"""Rooms' people as live streams."""
