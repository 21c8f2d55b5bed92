"""What the ports serve: sockets, certificate, the page, and who is turned away."""
