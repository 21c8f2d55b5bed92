"""The cluster: rooms that are spread over the workers of one host, and over many hosts."""

if __name__ != "miso.cluster":
    raise ImportError(f"{__name__} is imported as miso.cluster")
