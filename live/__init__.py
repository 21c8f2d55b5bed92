"""The live side: streams that one publishes and many watch."""

if __name__ != "miso.live":
    raise ImportError(f"{__name__} is imported as miso.live")
