"""What the ports serve: the page, signaling, health and metrics; with which certificate, and who is turned away."""
