"""Honest people and hostile ones on one server: what the honest ones notice of it."""
