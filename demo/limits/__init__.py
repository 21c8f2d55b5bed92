"""How much one client and one address may have."""
