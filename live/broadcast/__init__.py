"""Sends one stream in one format to all its players: each packet is framed once, for everybody."""
