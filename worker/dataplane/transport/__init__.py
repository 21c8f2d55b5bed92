"""A transport in the data plane: its packets and keys, what its peer may ask of control, what the way carries."""
