"""ICE-lite (RFC 8445) and STUN (RFC 8489), sans-I/O."""
