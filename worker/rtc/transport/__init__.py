"""What the kinds of transport share, and those without ICE: plain, pipe and direct."""
