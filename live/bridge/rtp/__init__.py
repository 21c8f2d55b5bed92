"""Packets of live streams as RTP, and RTP as packets of live streams; without sockets and clocks."""
