"""The compiled per-packet path."""
