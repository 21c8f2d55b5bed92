"""``python -m bench``: what a worker's packet path costs, and a floor measured beside it."""
