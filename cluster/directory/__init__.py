"""What all nodes say, kept for everybody: in memory for one host, on Redis for many."""
