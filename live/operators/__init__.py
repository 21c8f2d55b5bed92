"""Who may see and end what others do on the live side."""
