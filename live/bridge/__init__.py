"""Live streams in rooms, and rooms' people as live streams."""
