"""The bytes of SCTP: a packet and its checksum, its chunks, their parameters, the registries' numbers."""
