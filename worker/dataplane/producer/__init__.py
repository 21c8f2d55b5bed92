"""A producer in the data plane: packets are counted, repaired, mapped to the router's terms, and kept."""
