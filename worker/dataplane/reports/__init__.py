"""What a transport reports by itself of the streams that are sent and received through it."""
