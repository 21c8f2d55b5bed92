"""AAC as Opus and Opus as AAC, by PyAV, away from the event loop."""
