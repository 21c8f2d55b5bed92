"""The demo: a room server for browsers, with its web page, on top of ``controller`` and ``protoo``."""

if __name__ != "miso.demo":
    raise ImportError(f"{__name__} is imported as miso.demo")
