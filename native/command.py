"""setuptools' ``build_ext`` for pip: the modules are built in place, as always, and copied into what is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools.command.build_ext import build_ext

from native.extensions import Extensions


class BuildExtensions(build_ext):
    """Compiles what is stale. In a checkout that was built with the same Python, nothing is."""

    def run(self) -> None:
        """Builds, and copies unless the install is editable."""
        extensions = Extensions()
        extensions.build()
        if not self.inplace:
            for built, copy in self._copies().items():
                Path(copy).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(built, copy)

    def get_outputs(self) -> list[str]:
        """The extensions in what is installed."""
        return list(self._copies().values())

    def get_output_mapping(self) -> dict[str, str]:
        """From these to where they come from."""
        return {copy: built for built, copy in self._copies().items()}

    def _copies(self) -> dict[str, str]:
        extensions = Extensions()
        return {
            str(built): str(Path(self.build_lib, built.relative_to(extensions.root)))
            for built in map(extensions.built, extensions.settings)
        }
