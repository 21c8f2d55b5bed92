"""The beginning of an association: INIT, INIT ACK and the state cookie (RFC 9260 section 5)."""
