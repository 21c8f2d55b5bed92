"""``controller doctor``: what is wrong with how this server is set up, and what to do about it."""
