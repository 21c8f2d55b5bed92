"""Messages over SCTP or the payload channel, from data producers to data consumers."""
