"""Shows operators who publishes and plays: a JSON API, events as they happen, metrics and a page."""
