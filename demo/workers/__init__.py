"""The media workers as rooms use them: routers, transports, addresses and ports."""
