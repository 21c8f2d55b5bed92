"""A consumer's half: packets are selected, renumbered, stamped, protected, and sent again when they are lost."""
