"""What our commands have in common: settings of file, environment and flags; log lines; how the process is set up."""

if __name__ != "miso.commands":
    raise ImportError(f"{__name__} is imported as miso.commands")
