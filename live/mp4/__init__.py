"""Fragmented MP4 from live packets, for recordings and HLS: packets in, boxes out."""
