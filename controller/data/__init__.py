"""Data messages on a transport: data producers and data consumers."""
