"""A selective forwarding unit for WebRTC: ``import miso`` is the API of :mod:`miso.controller`.

The other rooms are packages beside it (:mod:`miso.protoo`, :mod:`miso.worker`, …). In a checkout they are links to
the folders at the top; ``docs/architecture.md`` says why.
"""

TYPE_CHECKING = False  # ``typing`` takes long to import
if TYPE_CHECKING:
    from miso.controller import *  # noqa: F403
    from miso.controller import __all__ as __all__
else:
    # Not at once: a worker process begins with ``import miso``, too, and has no use for a controller.
    def __getattr__(name: str) -> object:
        if name == "__all__" or not name.startswith("__"):
            import importlib

            api = importlib.import_module("miso.controller")
            if name == "__all__" or name in api.__all__:
                return getattr(api, name)
        raise AttributeError(f"module 'miso' has no attribute {name!r}")

    def __dir__() -> list[str]:
        from miso.controller import __all__ as api

        return sorted({*globals(), *api})
