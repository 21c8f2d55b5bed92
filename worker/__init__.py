"""The media worker: a process that forwards packets and obeys a controller over pipes."""

if __name__ != "miso.worker":
    raise ImportError(f"{__name__} is imported as miso.worker")
