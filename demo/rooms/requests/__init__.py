"""What clients ask: the table of requests, their data, and a file of handlers for each kind."""
