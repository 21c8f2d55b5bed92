"""Tells a program of the operator's what happens."""
