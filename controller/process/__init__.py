"""The worker's process, and the pipes to it."""
