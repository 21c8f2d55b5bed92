"""Payload descriptors: where each codec says what begins a key frame and which layer a packet belongs to."""
