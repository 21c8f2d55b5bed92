"""``python -m native`` compiles what is stale."""

from __future__ import annotations

from native.extensions import build

build()
