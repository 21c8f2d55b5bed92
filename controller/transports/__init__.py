"""The four kinds of transport, and pairs of pipe transports."""
