"""What is said on the pipes: the command table, the typed bodies, the codec of both dialects."""
