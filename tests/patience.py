"""How long tests wait for what is to happen: as long as a starved machine may need.

Whoever waits for an event pays for this only where it never comes, so there is one limit, and none that is nearly too
short: CI's machines are slow at times, and stand still for seconds.
"""

from __future__ import annotations

PATIENCE_S = 60.0
