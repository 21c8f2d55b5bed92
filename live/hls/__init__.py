"""Plugin "hls": live streams as HLS, with low latency (RFC 8216, draft-pantos-hls-rfc8216bis)."""
