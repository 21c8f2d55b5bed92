"""A consumer in the data plane: packets are selected, renumbered, stamped, protected, and sent again."""
