"""This server among the others of its cluster."""
