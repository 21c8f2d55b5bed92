"""Programs that send into rooms and record from them over plain RTP: their HTTP API."""
