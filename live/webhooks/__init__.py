"""Tells programs of the operator's by HTTP, or asks them, so that they can trust what they get."""
