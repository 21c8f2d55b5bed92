"""Chooses how a pure-Python-mode module runs: interpreted from its ``.py``, or compiled.

A compiled module hides its ``.py``. ``load("miso.worker.rtp.nack", "interpreted")`` imports the module and everything
it imports among the listed ones from source, apart from ``sys.modules``, where the compiled ones stay.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

from native.extensions import ROOT, extension_modules

MODES = ("interpreted", "compiled")

_SOURCES = {
    name: sources[0]
    for name, sources in extension_modules().items()
    if len(sources) == 1 and sources[0].suffix == ".py"
}
_interpreted: dict[str, ModuleType] = {}


class _SourceFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        source = _SOURCES.get(fullname)
        if source is None:
            return None
        return spec_from_file_location(fullname, source, loader=SourceFileLoader(fullname, str(source)))


def load(name: str, mode: str) -> ModuleType:
    """Imports a module in one of the ``MODES``.

    Raises:
        LookupError: the compiled one is asked for and was not built.
    """
    if mode == "interpreted":
        if name not in _interpreted:
            with _interpreted_in_place():
                importlib.import_module(name)
        return _interpreted[name]
    module = importlib.import_module(name)
    file = module.__file__ or ""
    if not file.endswith(".so"):
        raise LookupError(f"{name} is not compiled but {file}; run python -m native")
    assert file.startswith(str(ROOT))
    return module


@contextmanager
def _interpreted_in_place() -> Iterator[None]:
    """For its time, ``sys.modules`` and the packages' attributes have the interpreted modules."""
    compiled = {name: sys.modules.pop(name) for name in _SOURCES if name in sys.modules}
    for name in compiled:
        _unbind(name)
    for name, module in _interpreted.items():
        sys.modules[name] = module
        _bind(name, module)
    finder = _SourceFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _SOURCES:
            if name in sys.modules:
                _interpreted[name] = sys.modules.pop(name)
                _unbind(name)
        for name, module in compiled.items():
            sys.modules[name] = module
            _bind(name, module)


def _bind(name: str, module: ModuleType) -> None:
    package, _, attribute = name.rpartition(".")
    setattr(importlib.import_module(package), attribute, module)


def _unbind(name: str) -> None:
    package, _, attribute = name.rpartition(".")
    holder = sys.modules.get(package)
    if holder is not None and hasattr(holder, attribute):
        delattr(holder, attribute)
