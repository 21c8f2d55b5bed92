"""How a connection is kept from taking everybody else's time: a few frames a turn, and not too many a second."""
