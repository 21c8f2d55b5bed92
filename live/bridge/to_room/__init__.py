"""Live streams as participants of rooms."""
