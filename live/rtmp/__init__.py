"""RTMP (RTMP 1.0 and enhanced RTMP v2), one file an idea: bytes and the time in, bytes and events out."""
