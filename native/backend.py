"""What pip calls (PEP 517): setuptools', which here finds :mod:`native.command`."""

from setuptools.build_meta import *  # noqa: F403
