"""Rooms made and left for a long time: what the server holds afterwards is what it held at the beginning."""
