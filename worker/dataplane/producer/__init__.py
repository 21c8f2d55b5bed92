"""A producer's half: its streams are counted, repaired, and mapped to the router's terms; its packets are kept."""
