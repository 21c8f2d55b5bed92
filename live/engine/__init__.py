"""Runs the live side: its plugins, what they share, and their settings."""
