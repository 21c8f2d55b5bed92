"""How much one client (``per_client``) and one address (``per_address``) may have, and what keeps it (``limiters``)."""
