"""What operators see of a cluster: hosts, and rooms with their parts and pipes; as JSON and as metrics."""
