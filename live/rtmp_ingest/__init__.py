"""How what RTMP carries becomes packets of a stream: of who publishes here, and of what a relay fetches."""
