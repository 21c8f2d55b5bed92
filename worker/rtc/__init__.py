"""The objects that commands act on: routers, transports, producers, consumers, observers."""
