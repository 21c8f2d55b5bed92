"""Builds the compiled modules: which are stale, the compiler, and what pip calls."""
