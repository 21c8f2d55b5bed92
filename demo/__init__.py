"""The demo: a room server for browsers, with its web page, on top of ``controller`` and ``protoo``."""
