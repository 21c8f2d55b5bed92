"""Who is loud, and who leads the conversation."""
