"""Sends what a stream's packets look like in one format to all its players, compiled."""
