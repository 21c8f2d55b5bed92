"""Measures rooms over several workers: what a pipe adds, and how a room's viewers spread."""
