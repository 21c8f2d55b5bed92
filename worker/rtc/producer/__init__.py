"""What senders send, and what is asked of them: key frames, repairs."""
