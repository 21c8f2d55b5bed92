"""Several workers: the least loaded is chosen, a dead or hung one replaced."""
