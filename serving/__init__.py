"""What serves TCP ports, for rooms and live streams alike: listening sockets, certificates, HTTP that has limits."""

if __name__ != "miso.serving":
    raise ImportError(f"{__name__} is imported as miso.serving")
