"""Who may publish and play."""
