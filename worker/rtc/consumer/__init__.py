"""What receivers get: which streams and layers, in the terms negotiated with each."""
