"""Who publishes and plays: one session each, what ended it, and what others are told of it."""
