"""What is raised when a port cannot be had, be it the page's or the media's."""


class PortError(OSError):
    """A port cannot be had; the text says which and why."""
