"""SCTP (RFC 9260) as WebRTC data channels use it (RFC 8831): a sans-I/O association."""
