"""Who is loud, and who has the floor."""
