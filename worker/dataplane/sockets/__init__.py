"""Where packets come in and go out: UDP in batches, TCP with RFC 4571 framing, and which STUN gets through."""
