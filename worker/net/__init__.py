"""Sockets, pipes and the clock: the only room with asyncio."""
