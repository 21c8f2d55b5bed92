"""A transport's half: whose its packets are, its keys, what its peer may ask of control, what the way to it carries."""
