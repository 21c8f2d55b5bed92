"""Live streams as FLV, over HTTP and WebSocket: the plugin ``flv``."""
