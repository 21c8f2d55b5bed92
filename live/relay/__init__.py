"""The plugin "relay": pulls streams from other RTMP servers, and pushes streams to them."""
