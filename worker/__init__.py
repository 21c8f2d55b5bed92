"""The media worker: a process that forwards packets and obeys a controller over pipes."""
